import { readdirSync, readFileSync } from 'node:fs';
import type { Incident } from '../../src/incidents/incident.ts';

/** The incidents of a name as they lie on disk, oldest first. */
export function incidentsOf(folder: string, name: string): Incident[] {
  const place = `${folder}/state/${name}/incidents`;
  const ids = listed(place).filter(file => new RegExp(`^${name}-[0-9a-z]+\\.json$`).test(file));
  return ids.sort().map(file => JSON.parse(readFileSync(`${place}/${file}`, 'utf8')) as Incident);
}

function listed(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    // There was no incident yet.
    return [];
  }
}
