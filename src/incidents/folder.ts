import { constants, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { errnoOf, reasonOf } from '../host/errno.ts';
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
    const text = readText(`${folder}/${id}.json`);
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

/** The text of a regular file; null if there is none. Neither a link is followed nor a pipe waited for. */
export function readText(path: string): string | null {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (!stats.isFile()) throw new Error('it is not a regular file');
  if (stats.size > RECORD_LIMIT_BYTES) throw new Error(`it is larger than ${RECORD_LIMIT_BYTES} bytes`);
  try {
    // One call into Node for open, read and close: a list reads 500 of them.
    return readFileSync(path, { encoding: 'utf8', flag: READ_NO_LINK });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

// Should something else lie there by now, neither a link is followed nor a pipe waited for. Node's types want a word.
const READ_NO_LINK = (constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) as unknown as string;
