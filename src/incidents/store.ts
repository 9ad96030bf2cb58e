import { lstatSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readText, reasonOf } from '../host/read-file.ts';
import { drop, type Evicted, nothingEvicted, readEvicted } from './history.ts';
import { EVICTED_FILE, type Incident, readIncident } from './incident.ts';

/** No record comes near this. */
const RECORD_LIMIT_BYTES = 2 * 1024 * 1024;

/** The ids of the incidents that lie there, oldest first: an id ends with its time in digits of base 36, of one length until 2059. */
export function idsIn(folder: string): string[] {
  try {
    const names = readdirSync(folder);
    return names.flatMap(name => (name.endsWith('.json') && name !== EVICTED_FILE ? [name.slice(0, -5)] : [])).sort();
  } catch {
    // ENOENT: there never was an incident. EACCES: not ours to see.
    return [];
  }
}

/** One incident; or what is wrong with its file; null if there is none. */
export function readOne(folder: string, id: string): { incident: Incident } | { fault: string; whole: boolean } | null {
  try {
    const text = readKept(`${folder}/${id}.json`);
    if (text === null) return null;
    const incident = readIncident(JSON.parse(text));
    return typeof incident === 'string' ? { fault: incident, whole: true } : { incident };
  } catch (error) {
    return { fault: error instanceof SyntaxError ? 'it is not JSON' : reasonOf(error), whole: false };
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

/** How many incidents of a name are kept, and how many bytes of them. */
export interface StoreLimits {
  incidents: number;
  bytes: number;
}

export const STORE_LIMITS: StoreLimits = { incidents: 500, bytes: 32 * 1024 * 1024 };

/** What the store needs of the system. */
export interface StoreWorld {
  /** The incidents' folder by the way that is safe to write; asked anew each time, since it may have been removed. */
  folder(): string;
  /** The name's folder is there, or why it is not. */
  ensure(): string | null;
  /** Replaces a file, at once readable; may throw. */
  replace(path: string, text: string): void;
  /** The same, safe from a power cut; off the loop; may reject. */
  replaceDurably(path: string, text: string): Promise<void>;
  /** Told when writing begins to fail, and of broken files. */
  warn(line: string): void;
}

/** The incidents of one name. Nothing in it throws or rejects. */
export interface IncidentStore {
  /** All that are kept, oldest first, without their tails; what was not written yet included. */
  readonly kept: readonly Incident[];
  readonly dropped: Evicted;
  /** Puts an incident with its report on disk, over what is there of that id; the oldest go for it. */
  put(incident: Incident, report: string): Promise<void>;
  /** One of them, whole; null if it is not kept. */
  read(id: string): Incident | null;
}

/** Other files of the watcher may be beside the records: what an unfinished write or a broken file left. */
const BROKEN_KEPT = 3;
const READS_A_TURN = 20;
/** Of the limits, this is left after the oldest have gone. */
const ROOM_MADE = 0.95;

/** Opens the folder, reads what lies there, and puts aside what cannot be read. */
export async function openStore(world: StoreWorld, limits = STORE_LIMITS): Promise<IncidentStore> {
  const kept: Incident[] = [];
  const sizes = new Map<string, number>();
  const dropped = loadEvicted(world);
  // What a later version wrote belongs to that one, which may come back.
  const foreign: string[] = [];
  let failing = false;
  let count = 0;
  for (const id of idsIn(world.folder())) {
    const found = readOne(world.folder(), id);
    if (found !== null && 'incident' in found) {
      kept.push(slim(found.incident));
      sizes.set(id, sizeOf(world.folder(), id));
    } else if (found?.whole === true) foreign.push(`${id}.json (${found.fault})`);
    else if (found !== null) putAside(world, id, found.fault);
    if (++count % READS_A_TURN === 0) await nextTurn();
  }
  if (foreign.length > 0) world.warn(`incidents of another version are left as they are: ${foreign.join(', ')}`);

  /** The oldest go until there is room for what comes, and for some more: what is counted is written for all of them at once. */
  function makeRoom(): void {
    let bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    let gone = 0;
    const isOver = (share: number) =>
      kept.length - gone > Math.ceil(limits.incidents * share) || bytes > limits.bytes * share;
    if (!isOver(1)) return;
    while (kept.length - gone > 1 && isOver(ROOM_MADE)) {
      const oldest = kept[gone++] as Incident;
      bytes -= sizes.get(oldest.id) ?? 0;
      sizes.delete(oldest.id);
      drop(dropped, oldest);
      for (const ending of ['json', 'md']) remove(`${world.folder()}/${oldest.id}.${ending}`);
    }
    if (gone === 0) return;
    kept.splice(0, gone);
    attempt(() => world.replace(`${world.folder()}/${EVICTED_FILE}`, JSON.stringify(dropped)));
  }

  function attempt(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      fail(reasonOf(error));
      return false;
    }
  }

  function fail(why: string): void {
    if (!failing) world.warn(`incidents cannot be written: ${why}`);
    failing = true;
  }

  return {
    kept,
    dropped,
    async put(incident, report) {
      const { id } = incident;
      const at = kept.findLastIndex(one => one.id === id);
      if (at === -1) kept.push(slim(incident));
      else kept[at] = slim(incident);
      const text = `${JSON.stringify(incident)}\n`;
      sizes.set(id, Buffer.byteLength(text) + Buffer.byteLength(report));
      const refused = whyNoFolder(world);
      if (refused !== null) return fail(refused);
      makeRoom();
      const { folder } = world;
      // The report first and at once: the next life may look for it as soon as it begins.
      if (!attempt(() => world.replace(`${folder()}/${id}.md`, report))) return;
      try {
        await world.replaceDurably(`${folder()}/${id}.json`, text);
        failing = false;
      } catch (error) {
        fail(reasonOf(error));
      }
    },
    read(id) {
      const found = readOne(world.folder(), id);
      return found !== null && 'incident' in found ? found.incident : null;
    },
  };
}

/** What is looked at again and again, without what is long. */
function slim(incident: Incident): Incident {
  return { ...incident, tail: [], memory: [], evidence: [], diagnosis: null };
}

/** Makes the folder (0700); a link or another's folder in its place is refused. */
function whyNoFolder({ ensure, folder }: StoreWorld): string | null {
  const gone = ensure();
  if (gone !== null) return gone;
  try {
    const path = folder();
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { mode: 0o700 });
    const stats = lstatSync(path);
    if (!stats.isDirectory()) return 'incidents/ is not a directory';
    return stats.uid === process.geteuid?.() ? null : `incidents/ belongs to user ${stats.uid}`;
  } catch (error) {
    return reasonOf(error);
  }
}

function putAside(world: StoreWorld, id: string, fault: string): void {
  const from = `${world.folder()}/${id}.json`;
  try {
    renameSync(from, `${from}.corrupt`);
    world.warn(`incidents/${id}.json could not be read (${fault}); kept as ${id}.json.corrupt`);
    const broken = readdirSync(world.folder()).filter(name => name.endsWith('.corrupt'));
    for (const old of broken.sort().slice(0, -BROKEN_KEPT)) remove(`${world.folder()}/${old}`);
  } catch (error) {
    world.warn(`incidents/${id}.json could not be read (${fault}); it stays there (${reasonOf(error)})`);
  }
}

function loadEvicted({ folder }: StoreWorld): Evicted {
  try {
    const text = readKept(`${folder()}/${EVICTED_FILE}`);
    return text === null ? nothingEvicted() : readEvicted(JSON.parse(text));
  } catch {
    // Broken: counts begin anew; the incidents themselves are not touched by it.
    return nothingEvicted();
  }
}

function sizeOf(folder: string, id: string): number {
  return ['json', 'md'].reduce(
    (sum, ending) => sum + (statSync(`${folder}/${id}.${ending}`, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // ENOENT mostly; what cannot be removed is tried again with the next start.
  }
}
