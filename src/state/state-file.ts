import { lstatSync, statSync } from 'node:fs';
import { atMost } from '../host/clock.ts';
import { reasonOf } from '../host/read-file.ts';
import { type RecycledFile, readSettled, recycledFile, removeIfThere, type Written } from './atomic-file.ts';
import { putAside } from './hold-file.ts';
import type { Lock } from './lock.ts';
import { makePrivateFolder } from './private-folder.ts';
import type { StateFolder } from './state-folder.ts';

/** Where the state lies while the name's folder takes none: in the private folder that has the watcher's record. */
const fallbackPath = (folder: string): string => `${folder}/state.json`;

/** A state as it was found. */
export interface FoundState<T> {
  path: string;
  value: T;
}

/** The newest of what was found: one of this boot before any other (a clock may begin each boot in 1970), then by mtime. */
export function newestState<T>(found: FoundState<T>[], ofThisBoot: (value: T) => boolean): FoundState<T> | null {
  const [first = null, ...others] = found;
  if (others.length === 0) return first;
  const rank = (one: FoundState<T>) => ({
    one,
    fresh: ofThisBoot(one.value) ? 1 : 0,
    at: statSync(one.path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  });
  return found.map(rank).sort((a, b) => b.fresh - a.fresh || b.at - a.at)[0]?.one ?? null;
}

/** Takes the state that the name's folder refused. It has no durable copy: these folders are in memory as a rule. */
export interface FallbackState {
  /** Never throws. */
  save(text: string): void;
  /** The name's folder has a newer state: what lies elsewhere must mislead nobody. Costs nothing if there is none. */
  drop(): void;
}

/** `folders`: the private folders that were there at the start; `place` gives the one that takes states, which is made if need be. */
function openFallback(folders: readonly string[], place: () => string | null): FallbackState {
  const written = new Set(folders);
  let file: RecycledFile | null = null;
  let there = folders.length > 0;
  return {
    save: text => {
      try {
        const taking = place();
        if (taking === null) return;
        written.add(taking);
        file ??= recycledFile(() => fallbackPath(taking));
        file.replace(text);
        there = true;
      } catch {
        // Full, or gone: that the state is not saved is said of the name's folder already.
      }
    },
    drop: () => {
      if (!there) return;
      there = false;
      file = null;
      for (const folder of written)
        for (const end of ['', '.spare-a', '.spare-b']) removeIfThere(fallbackPath(folder) + end);
    },
  };
}

/** The private folder of a name, made at its first use: a state that nobody can read would be shown as it was before. */
function madeWhenNeeded(place: StateFolder, found: string | null): () => string | null {
  let folder = found;
  return () => {
    if (folder !== null) return folder;
    const made = makePrivateFolder(place.stateDir, place.name);
    folder = 'path' in made ? made.path : null;
    return folder;
  };
}

/** No state comes near this: it is bounded by the flap window's few times. */
export const STATE_LIMIT_BYTES = 1024 * 1024;
/** How long a save may wait for its fsync: that many seconds of news a power cut may take. */
const DURABLE_EVERY_MS = 1000;
/** A disk that hangs must not keep a stop waiting: what it saves from is a power cut only. */
const SETTLE_MS = 2000;

const NOWHERE_ELSE = { privateFolder: null, privateFolders: [] };

/** What was found at the start. */
export interface Loaded<T> {
  value: T | null;
  /** One sentence for each thing to be said: a broken file and where it was kept, an older copy used. */
  said: string[];
}

/** Tells whether a parsed file is a state: it returns the state, or in a phrase why it is none. */
export type ReadState<T> = (value: unknown) => T | string;

/**
 * The state file of a name. Two files: `state.json`, renamed into place at each transition without waiting for the disk
 * (that survives kill -9), and `state.durable.json`, the same text at most a second later, with fsync (that survives a
 * power cut, in which a fresh rename may be kept and the text it names lost). They are never the same inode: what empties
 * one in place leaves the other.
 */
export interface StateFile {
  /** Quick and synchronous; never throws. */
  save(value: unknown): Written;
  /** Whether what was saved has been removed. */
  isGone(): boolean;
  /** Resolves when the last save is safe from a power cut, or cannot be made so, or after a time that a stop may take. */
  settle(): Promise<void>;
}

/**
 * Reads the state of a name; what cannot be read is put aside. For the lock's holder. `ofThisBoot` tells of a state when it
 * was saved: after a power cut `state.json` may be whole and yet older than the durable copy, which therefore comes first
 * in every other boot. What a watcher left in one of the `privateFolders` since is newer than both.
 */
export function loadState<T>(
  place: StateFolder,
  read: ReadState<T>,
  ofThisBoot: (value: T) => boolean,
  now: Date,
  privateFolders: readonly string[] = [],
): Loaded<T> {
  const said: string[] = [];
  const own = loadOwn(place, read, ofThisBoot, now, said);
  const found = [...own, ...statesIn(privateFolders, read)];
  return { value: newestState(found, ofThisBoot)?.value ?? null, said };
}

/** What lies in the name's folder: one or none. */
function loadOwn<T>(
  place: StateFolder,
  read: ReadState<T>,
  ofThisBoot: (value: T) => boolean,
  now: Date,
  said: string[],
): FoundState<T>[] {
  const main = loadOne(place, 'state.json', read, now, said);
  if (main[0] !== undefined && ofThisBoot(main[0].value)) return main;
  const durable = loadOne(place, 'state.durable.json', read, now, said);
  if (durable.length === 0) return main;
  if (main.length === 0) said.push('went on from state.durable.json instead');
  return durable;
}

/** The states that lie in private folders; what cannot be read there is none. */
export function statesIn<T>(privateFolders: readonly string[], read: ReadState<T>): FoundState<T>[] {
  return privateFolders.map(fallbackPath).flatMap(path => {
    const found = readState(path, read);
    return found !== null && 'value' in found ? [{ path, value: found.value }] : [];
  });
}

function loadOne<T>(place: StateFolder, file: string, read: ReadState<T>, now: Date, said: string[]): FoundState<T>[] {
  const found = readState(place.at(file), read);
  if (found === null) return [];
  if ('value' in found) return [{ path: place.at(file), value: found.value }];
  const { keptAs, why } = putAside(place.at(file), now);
  said.push(`${file} could not be read (${found.fault}); ${keptAs ? `kept as ${keptAs}` : `it stays there (${why})`}`);
  return [];
}

/** One state file, read and checked but left alone. Null if there is none. */
export function readState<T>(path: string, read: ReadState<T>): { value: T } | { fault: string } | null {
  try {
    const text = readSettled(path, STATE_LIMIT_BYTES);
    if (text === null) return null;
    if (text === '') return { fault: 'it is empty' };
    const value = read(JSON.parse(text));
    return typeof value === 'string' ? { fault: value } : { value };
  } catch (error) {
    return { fault: error instanceof SyntaxError ? 'it is not JSON' : reasonOf(error) };
  }
}

/** The writing side, for the lock's holder. What the name's folder refuses goes to the private one. */
export function openStateFile(
  place: StateFolder,
  { privateFolder, privateFolders }: Pick<Lock, 'privateFolder' | 'privateFolders'> = NOWHERE_ELSE,
): StateFile {
  const fallback = openFallback(privateFolders, madeWhenNeeded(place, privateFolder));
  let file: RecycledFile | null = null;
  let latest: string | null = null;
  let saved = false;
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> | null = null;

  const makeDurable = async () => {
    timer = null;
    const text = latest;
    latest = null;
    if (text === null) return;
    try {
      const { writeDurably } = await import('./atomic-file.ts');
      await writeDurably(place.at('state.durable.json'), text);
    } catch {
      // A disk that takes no copy also refuses the saves themselves, which say so; the next save tries this again.
    }
  };
  const begin = () => {
    writing = makeDurable().finally(() => {
      writing = null;
      if (latest !== null) arm();
    });
  };
  const arm = () => {
    // Not waited for at the end: `settle` is there for that.
    if (timer === null && writing === null) timer = setTimeout(begin, DURABLE_EVERY_MS).unref();
  };

  const replace = (text: string): string | null => {
    const gone = place.ensure();
    if (gone !== null) return gone;
    try {
      file ??= recycledFile(() => place.at('state.json'));
      file.replace(text);
      return null;
    } catch (error) {
      return `${place.path}: ${reasonOf(error)}`;
    }
  };

  return {
    save: value => {
      const text = JSON.stringify(value);
      const why = replace(text);
      if (why !== null) {
        // An older text that is made durable after this one would be taken for the newer of the two.
        latest = null;
        fallback.save(text);
        // Still a failure: it is tried again until it lies where it belongs.
        return { ok: false, why };
      }
      fallback.drop();
      saved = true;
      latest = text;
      arm();
      return { ok: true };
    },
    isGone: () => saved && lstatSync(place.at('state.json'), { throwIfNoEntry: false }) === undefined,
    settle: async () => {
      const finish = async () => {
        await writing;
        if (timer !== null) clearTimeout(timer);
        await makeDurable();
      };
      await atMost(SETTLE_MS, finish());
    },
  };
}
