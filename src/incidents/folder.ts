import { readdirSync } from 'node:fs';
import { reasonOf } from '../host/errno.ts';
import { readText } from '../host/read-file.ts';
import type { Incident } from './incident.ts';
import { readIncident } from './incident-shape.ts';
import { DROPPED_FILE } from './names.ts';

/** No record comes near this. */
const RECORD_LIMIT_BYTES = 2 * 1024 * 1024;

/** The ids of the incidents that lie there, oldest first: an id ends with its time in digits of base 36, of one length until 2059. */
export function idsIn(folder: string): string[] {
  try {
    const names = readdirSync(folder);
    return names.flatMap(name => (name.endsWith('.json') && name !== DROPPED_FILE ? [name.slice(0, -5)] : [])).sort();
  } catch {
    // ENOENT: there never was an incident. EACCES: not ours to see.
    return [];
  }
}

/** One incident; or what is wrong with its file; null if there is none. */
export function readOne(folder: string, id: string): { incident: Incident } | { fault: string } | null {
  try {
    const text = readKept(`${folder}/${id}.json`);
    if (text === null) return null;
    const incident = readIncident(JSON.parse(text));
    return typeof incident === 'string' ? { fault: incident } : { incident };
  } catch (error) {
    return { fault: error instanceof SyntaxError ? 'it is no JSON' : reasonOf(error) };
  }
}

/** All incidents of a folder, oldest first, and one line for each file that cannot be read. Writes nothing. */
export function readAll(folder: string): { incidents: Incident[]; said: string[] } {
  const incidents: Incident[] = [];
  const said: string[] = [];
  for (const id of idsIn(folder)) {
    const found = readOne(folder, id);
    if (found === null) continue;
    if ('incident' in found) incidents.push(found.incident);
    else said.push(`${folder}/${id}.json cannot be read: ${found.fault}`);
  }
  return { incidents, said };
}

/** The text of one of our files in such a folder; null if there is none. Errors as of `readText`. */
export function readKept(path: string): string | null {
  return readText(path, RECORD_LIMIT_BYTES);
}
