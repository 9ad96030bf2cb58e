import { bootId } from '../host/boot-id.ts';
import { type KernelLock, tryKernelLock } from './kernel-lock.ts';
import { isElsewhere, type LockRecord, ownRecord, type RecordedRun, readRecord, watcherAlive } from './lock-record.ts';
import type { Place } from './place.ts';
import { makePrivateFolder } from './private-folder.ts';
import { beginRecord, newestRecord, privateRecords, RECORD } from './record-places.ts';
import type { Written } from './whole-file.ts';

/** The right to watch a name, ours until `release` or the end of this process. */
export interface Lock {
  /** Where the lock lies: the name's folder, or a private one. Null: nowhere could one be taken. */
  readonly folder: string | null;
  /** What people must be told about this lock, in one sentence; null if it is as it should be. */
  readonly note: string | null;
  /**
   * The run of which the watcher before us may have left something alive; null if there is none for certain (it said so, or
   * the machine was started anew since). 'unknown': there is no record, or a garbled one.
   */
  readonly leftover: RecordedRun | null | 'unknown';
  /** Notes the run that is about to be spawned, was spawned, or (null) has been cleared. Quick; never throws. */
  recordRun(run: RecordedRun | null): Written;
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
export async function acquireLock(place: Place): Promise<Lock | Taken> {
  const here = await take(file => place.at(file));
  if ('heldBy' in here) return here;
  if ('fault' in here) return await acquireElsewhere(place, here.fault);
  const other = privateRecords(place.stateDir, place.name).map(readRecord).find(watcherAlive);
  if (other === undefined) return begin(here.lock, place, place.path, null);
  here.lock.release();
  return { heldBy: pidOf(other) };
}

async function acquireElsewhere(place: Place, fault: string): Promise<Lock | Taken> {
  const record = readRecord(place.at(RECORD));
  if (watcherAlive(record)) return { heldBy: pidOf(record) };
  const unnoticed = 'a second watcher of this name would not be noticed';
  const made = makePrivateFolder(place.stateDir, place.name);
  if ('why' in made) {
    return begin(null, place, null, `${place.path} takes no lock (${fault}), nor does ${made.why}: ${unnoticed}`);
  }
  const there = await take(file => `${made.path}/${file}`);
  if ('heldBy' in there) return there;
  if ('fault' in there) {
    return begin(null, place, null, `${place.path} takes no lock (${fault}), nor does ${made.path}: ${unnoticed}`);
  }
  return begin(there.lock, place, made.path, `${place.path} takes no lock (${fault}); it is in ${made.path} instead`);
}

/** Tries one folder. A holder writes its record right after it got the lock, so a refused one looks until it is there. */
async function take(at: (file: string) => string): Promise<{ lock: KernelLock } | { fault: string } | Taken> {
  const deadline = performance.now() + RECORD_WAIT_MS;
  for (;;) {
    const got = tryKernelLock(at(LOCK));
    if (got !== 'busy' && 'fault' in got) return got;
    const record = readRecord(at(RECORD));
    const alive = watcherAlive(record);
    if (got !== 'busy') {
      if (!alive) return { lock: got };
      // Its lock file was deleted under a watcher that lives on: the record still speaks for it.
      got.release();
    }
    // One in another container cannot be seen, but the lock speaks for it.
    if (alive || isElsewhere(record)) return { heldBy: pidOf(record) };
    if (performance.now() > deadline) return { heldBy: null };
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

function pidOf(record: LockRecord | null | 'unreadable'): number | null {
  return record === null || record === 'unreadable' ? null : (record.watcher?.pid ?? null);
}

/** What a record says of a run that may still be there. */
function leftoverOf(record: LockRecord | null | 'unreadable'): RecordedRun | null | 'unknown' {
  if (record === null || record === 'unreadable') return 'unknown';
  return record.bootId === null || record.bootId === bootId() ? record.run : null;
}

/** Signs the record as ours, keeping the run that the one before us may have left. */
function begin(lock: KernelLock | null, place: Place, folder: string | null, note: string | null): Lock {
  const leftover = leftoverOf(newestRecord(place.stateDir, place.name).record);
  const record = ownRecord(leftover);
  let file = beginRecord(place, folder, record);
  let held = lock;

  /** Somebody removed our files: lock and record are made again, unless another watcher was quicker. */
  const renew = () => {
    if (folder !== place.path || place.ensure() !== null) return;
    const again = tryKernelLock(place.at(LOCK));
    if (again === 'busy') {
      // Either ours, and the record alone was removed, or another's who has written his own.
      if (watcherAlive(readRecord(place.at(RECORD)))) return;
    } else {
      if ('fault' in again) return;
      held?.release();
      held = again;
    }
    file.close();
    file = beginRecord(place, folder, record);
  };
  return {
    folder,
    note,
    leftover,
    recordRun: run => {
      record.run = run;
      if (file.isGone()) renew();
      return file.write(record);
    },
    release: () => {
      file.write({ ...record, watcher: null });
      file.close();
      held?.release();
    },
  };
}
