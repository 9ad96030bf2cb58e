import { statSync } from 'node:fs';
import { type RecycledFile, recycledFile } from './recycled-file.ts';
import { removeIfThere } from './whole-file.ts';

/** Where the state lies while the name's folder takes none: in the private folder that has the watcher's record. */
export const standInPath = (folder: string): string => `${folder}/state.json`;

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
export interface StandIn {
  /** Never throws. */
  save(text: string): void;
  /** The name's folder has a newer state: what lies elsewhere must mislead nobody. Costs nothing if there is none. */
  drop(): void;
}

/** `folders`: the private folders that were there at the start; `taking`: the one that has our record, or null. */
export function openStandIn(folders: readonly string[], taking: string | null): StandIn {
  let file: RecycledFile | null = null;
  let there = folders.length > 0;
  return {
    save: text => {
      if (taking === null) return;
      try {
        file ??= recycledFile(() => standInPath(taking));
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
      for (const folder of new Set(taking === null ? folders : [...folders, taking]))
        for (const end of ['', '.spare-a', '.spare-b']) removeIfThere(standInPath(folder) + end);
    },
  };
}
