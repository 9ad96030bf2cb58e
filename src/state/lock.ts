import { bootId, monoNow } from '../host/clock.ts';
import type { Written } from './atomic-file.ts';
import { type KernelLock, tryKernelLock } from './kernel-lock.ts';
import {
  beginRecord,
  type Found,
  isElsewhere,
  type LockRecord,
  newestRecord,
  ownRecord,
  RECORD,
  type RecordedRun,
  readRecord,
  watcherAlive,
} from './lock-record.ts';
import { makePrivateFolder } from './private-folder.ts';
import { openStateFolder, type StateFolder } from './state-folder.ts';

/** The right to watch a name, ours until `release` or the end of this process. */
export interface Lock {
  /** Where the lock lies: the name's folder, or a private one. Null: nowhere could one be taken. */
  readonly folder: string | null;
  /** The private folder with our record, if the name's own took none: the place for a state that is refused there too. */
  readonly privateFolder: string | null;
  /** All private folders that were there: a state in one may be newer than the name's own. */
  readonly privateFolders: readonly string[];
  /** What people must be told about this lock, in one sentence; null if it is as it should be. */
  readonly note: string | null;
  /**
   * The run of which the watcher before us may have left something alive; null if there is none for certain (it said so, or
   * the machine was started anew since). 'unknown': there is no record, or a garbled one.
   */
  readonly leftover: RecordedRun | null | 'unknown';
  /** Notes the run that is about to be spawned, was spawned, or (null) has been cleared. Quick; never throws. */
  recordRun(run: RecordedRun | null): Written;
  /** Makes lock and record again if their files were removed. Returns whether that was so. Never throws. */
  renew(): boolean | { takenBy: number };
  release(): void;
}

/** The name is watched already; the pid is null if its watcher has not told it. */
export interface Taken {
  heldBy: number | null;
}

/** How long a holder that has not yet written its record is waited for. */
const RECORD_WAIT_MS = 1000;
const LOCK = 'lock';

/**
 * Takes the lock of a name, or tells who has it. A folder that takes no lock (read-only, full) is replaced by a private
 * one; that the other of the two may be held is looked up in the records.
 */
export async function acquireLock(place: StateFolder): Promise<Lock | Taken> {
  const here = await take(place, file => place.at(file));
  if ('heldBy' in here) return here;
  if ('lock' in here) return begin(here, place, place.path, null);
  const found = newestRecord(place.stateDir, place.name);
  if (found.alive) return { heldBy: pidOf(found) };
  const lockless = { lock: null, found };
  const unnoticed = 'a second watcher of this name would not be noticed';
  const made = makePrivateFolder(place.stateDir, place.name);
  const refused = `${place.path} cannot hold a lock (${here.fault})`;
  if ('why' in made) return begin(lockless, place, null, `${refused}, nor does ${made.why}: ${unnoticed}`);
  const there = await take(place, file => `${made.path}/${file}`);
  if ('heldBy' in there) return there;
  if ('lock' in there) return begin(there, place, made.path, `${refused}; it is in ${made.path} instead`);
  return begin(lockless, place, null, `${refused}, nor does ${made.path} (${there.fault}): ${unnoticed}`);
}

/** What a lock was taken with: the record as it lay there. */
interface Got {
  lock: KernelLock | null;
  found: Found;
}

/** Tries one folder. A holder writes its record right after it got the lock, so a refused one looks until it is there. */
async function take(place: StateFolder, at: (file: string) => string): Promise<Got | { fault: string } | Taken> {
  const deadline = monoNow() + RECORD_WAIT_MS;
  for (;;) {
    const got = tryKernelLock(at(LOCK));
    if (got !== 'busy' && 'fault' in got) return got;
    const found = newestRecord(place.stateDir, place.name);
    if (got !== 'busy') {
      if (!found.alive) return { lock: got, found };
      // It has its lock in the other folder, or its lock file was deleted under it: the record speaks for it.
      got.release();
    }
    // One in another container cannot be seen, but the lock speaks for it.
    if (found.alive || isElsewhere(found.record)) return { heldBy: pidOf(found) };
    if (monoNow() > deadline) return { heldBy: null };
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

function pidOf({ record }: Found): number | null {
  return record === null || record === 'unreadable' ? null : (record.watcher?.pid ?? null);
}

/** What a record says of a run that may still be there. */
function leftoverOf(record: LockRecord | null | 'unreadable'): RecordedRun | null | 'unknown' {
  if (record === null || record === 'unreadable') return 'unknown';
  return record.bootId === null || record.bootId === bootId() ? record.run : null;
}

/** Signs the record as ours, keeping the run that the one before us may have left. */
function begin({ lock, found }: Got, place: StateFolder, folder: string | null, note: string | null): Lock {
  const leftover = leftoverOf(found.record);
  const record = ownRecord(leftover);
  const placed = beginRecord(place, folder, record);
  let file = placed.file;
  let held = lock;

  /** Somebody removed our files: lock and record are made again, unless another watcher was quicker. */
  const renew = (): boolean | { takenBy: number } => {
    const at = lockPathIn(place, folder);
    if (at === null) return false;
    const gone = file.isGone() || (placed.folder === null && !file.isAt(place.at(RECORD)));
    const again = tryKernelLock(at);
    if (again === 'busy') {
      // Either ours, and at most the record was removed, or another's who has written his own.
      const other = readRecord(place.at(RECORD));
      if (gone && watcherAlive(other)) return takenBy(other);
      if (!gone) return false;
    } else {
      if ('fault' in again) return false;
      held?.release();
      held = again;
    }
    if (gone) {
      file.close();
      file = beginRecord(place, folder, record).file;
    } else file.write(record);
    return true;
  };
  return {
    folder,
    privateFolder: placed.folder,
    privateFolders: found.privateFolders,
    note,
    leftover,
    recordRun: run => {
      record.run = run;
      if (file.isGone()) renew();
      return file.write(record);
    },
    renew,
    release: () => {
      file.write({ ...record, watcher: null });
      file.close();
      held?.release();
    },
  };
}

function takenBy(record: LockRecord | null | 'unreadable'): false | { takenBy: number } {
  const watcher = record === null || record === 'unreadable' ? null : record.watcher;
  return watcher === null || watcher.pid === process.pid ? false : { takenBy: watcher.pid };
}

/** Where a removed lock file is made again, its folder included; null: nowhere, as things stand. */
function lockPathIn(place: StateFolder, folder: string | null): string | null {
  if (folder === null) return null;
  if (folder === place.path) return place.ensure() === null ? place.at(LOCK) : null;
  const made = makePrivateFolder(place.stateDir, place.name);
  return 'path' in made && made.path === folder ? `${folder}/${LOCK}` : null;
}

/** The result of what was done under the lock, or who has it. */
export type UnderLock<T> = T | { readonly kind: 'watched'; readonly pid: number | null };

/** Does something while it holds the name's lock, so that no watcher starts meanwhile. Throws StateFolderRefused. */
export async function underLock<T>(
  { stateDir, name }: { readonly stateDir: string; readonly name: string },
  act: (place: StateFolder, lock: Lock) => Promise<T>,
): Promise<UnderLock<T>> {
  const place = openStateFolder(stateDir, name);
  try {
    const lock = await acquireLock(place);
    if ('heldBy' in lock) return { kind: 'watched', pid: lock.heldBy };
    try {
      return await act(place, lock);
    } finally {
      lock.release();
    }
  } finally {
    place.close();
  }
}
