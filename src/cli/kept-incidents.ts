import { join } from 'node:path';
import { nothingDropped, readDropped } from '../incidents/dropped.ts';
import { readAll, readKept } from '../incidents/folder.ts';
import type { Incident } from '../incidents/incident.ts';
import { DROPPED_FILE, INCIDENTS_FOLDER } from '../incidents/names.ts';

/** What the files of some names tell of their incidents. */
export interface KeptIncidents {
  /** Oldest first. */
  incidents: Incident[];
  /** How many more there were that are kept no more. */
  dropped: number;
  /** One line for each file that cannot be read. */
  said: string[];
}

/** The folder of a name's incidents. */
export function incidentsFolder(stateDir: string, name: string): string {
  return join(stateDir, name, INCIDENTS_FOLDER);
}

/** The incidents of these names since then (wall ms), from their files alone. */
export function keptIncidents(stateDir: string, names: readonly string[], since: number): KeptIncidents {
  const all: KeptIncidents = { incidents: [], dropped: 0, said: [] };
  for (const name of names) {
    const folder = incidentsFolder(stateDir, name);
    const { incidents, said } = readAll(folder);
    all.incidents.push(...incidents.filter(({ at }) => Date.parse(at) >= since));
    all.dropped += droppedOf(folder);
    all.said.push(...said);
  }
  if (names.length > 1) all.incidents.sort((one, other) => (one.at < other.at ? -1 : 1));
  return all;
}

function droppedOf(folder: string): number {
  try {
    const text = readKept(`${folder}/${DROPPED_FILE}`);
    return (text === null ? nothingDropped() : readDropped(JSON.parse(text))).count;
  } catch {
    // Broken: the count is lost, the incidents are not.
    return 0;
  }
}
