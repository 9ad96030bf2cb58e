import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Hold } from '../core/model.ts';
import { whyNoReset } from '../host/own-process.ts';
import { removeIfThere } from './atomic-file.ts';
import { liftHold, readHold } from './hold-file.ts';
import { type Lock, underLock } from './lock.ts';
import { loadState, openStateFile, type ReadState } from './state-file.ts';
import type { StateFolder } from './state-folder.ts';

/** What a reset without a watcher needs to know of states. */
export interface ResetOf<T> {
  stateDir: string;
  name: string;
  read: ReadState<T>;
  ofThisBoot: (value: T) => boolean;
  /** The same state without hold, backoff and cooldown. */
  clear: (value: T) => T;
  now: Date;
  /** Nothing proves that we are not part of a run, and no person vouches for it: then the hold of a kill condition stays. */
  unproved: boolean;
}

export type ResetResult =
  | { kind: 'done'; lifted: Hold | null; said: string[] }
  /** A watcher has the lock: ask it. */
  | { kind: 'watched'; pid: number | null }
  | { kind: 'unknown-name' }
  | { kind: 'refused'; why: string };

/**
 * Clears the hold of a service without a watcher, and clears its backoff and cooldown. Takes the lock, so that no watcher
 * starts meanwhile. Refused from inside a run that a dead watcher left. Throws StateFolderRefused.
 */
export async function resetOffline<T>(of: ResetOf<T>): Promise<ResetResult> {
  if (lstatSync(join(of.stateDir, of.name), { throwIfNoEntry: false }) === undefined) return { kind: 'unknown-name' };
  return await underLock(of, (place, lock) => reset(of, place, lock));
}

async function reset<T>(of: ResetOf<T>, place: StateFolder, lock: Lock): Promise<ResetResult> {
  const run = lock.leftover === 'unknown' ? null : lock.leftover;
  const mark = { name: of.name, stateDir: of.stateDir, runId: null, childPid: null, startTicks: null, ...run };
  const why = whyNoReset({ pid: process.pid }, mark);
  if (why !== null) return { kind: 'refused', why };
  const lifted = readHold(place);
  if (of.unproved && lifted?.cause === 'kill-condition')
    return { kind: 'refused', why: 'the hold of a kill condition is cleared only on a terminal, or with --yes' };
  const { value, said } = loadState(place, of.read, of.ofThisBoot, of.now, lock.privateFolders);
  emptyBudgets(place);
  // The state first: a hold that stays is the safer half.
  if (value !== null) {
    const file = openStateFile(place, lock);
    const saved = file.save(of.clear(value));
    if (!saved.ok) return { kind: 'refused', why: saved.why };
    await file.settle();
  }
  const written = liftHold(place, of.now);
  return written.ok ? { kind: 'done', lifted, said } : { kind: 'refused', why: written.why };
}

/** What runs have used in the window of a budget is forgotten. */
function emptyBudgets(place: StateFolder): void {
  for (const file of filesIn(place.path)) if (/^budget-.*\.json$/.test(file)) removeIfThere(place.at(file));
}

function filesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // Nothing can be read there: then there is no budget either.
    return [];
  }
}
