import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Hold } from '../core/model.ts';
import { parseShaped } from '../core/shape.ts';
import { whyNoReset } from '../host/own-process.ts';
import { readText } from '../host/read-file.ts';
import { removeIfThere, replaceFile } from './atomic-file.ts';
import { liftHold, readHold } from './hold-file.ts';
import { tryKernelLock } from './kernel-lock.ts';
import { type Lock, underLock } from './lock.ts';
import { isElsewhere, type LockRecord, newestRecord } from './lock-record.ts';
import { existingPrivateFolders } from './private-folder.ts';
import {
  type FoundState,
  loadState,
  newestState,
  openStateFile,
  type ReadState,
  readState,
  statesIn,
} from './state-file.ts';
import type { StateFolder } from './state-folder.ts';

/** All that the files of a service say, read without its lock. */
export interface NameReading<T> {
  name: string;
  folder: string;
  state: T | null;
  /** What is wrong with the state file, if it cannot be read; the durable copy may have stood in for it. */
  fault: string | null;
  hold: Hold | null;
  record: LockRecord | null | 'unreadable';
  /** The watcher that wrote the record is alive. */
  alive: boolean;
}

/** Reads everything of one name and writes nothing; never throws. `ofThisBoot` as for `loadState`. */
export function readService<T>(
  stateDir: string,
  name: string,
  read: ReadState<T>,
  ofThisBoot: (value: T) => boolean,
): NameReading<T> {
  const folder = `${stateDir}/${name}`;
  const before = readOwn(folder, read, ofThisBoot);
  const { record, alive, privateFolders: ofRecord } = newestRecord(stateDir, name, true);
  // Beside a record in the name's own folder too: a state may have been refused where the record was not.
  // Where no watcher is alive its record was looked for in all of them.
  const privateFolders = alive && ofRecord.length === 0 ? existingPrivateFolders(stateDir, name) : ofRecord;
  const elsewhere = statesIn(privateFolders, read);
  // Read again after the others: they are removed when the folder takes the state again, and not before it has it.
  const { fault, found } = privateFolders.length === 0 ? before : readOwn(folder, read, ofThisBoot);
  return {
    name,
    folder,
    state: newestState([...found, ...elsewhere], ofThisBoot)?.value ?? null,
    fault,
    hold: readHold({ at: file => `${folder}/${file}` }),
    record,
    alive: alive || (isElsewhere(record) && isLocked(`${folder}/lock`)),
  };
}

/** The state in the name's own folder, one or none, and what is wrong with its file. */
function readOwn<T>(
  folder: string,
  read: ReadState<T>,
  ofThisBoot: (value: T) => boolean,
): { fault: string | null; found: FoundState<T>[] } {
  const path = `${folder}/state.json`;
  const main = readState(path, read);
  const fault = main !== null && 'fault' in main ? main.fault : null;
  const found = main !== null && 'value' in main ? [{ path, value: main.value }] : [];
  if (found[0] !== undefined && ofThisBoot(found[0].value)) return { fault, found };
  const copy = readState(`${folder}/state.durable.json`, read);
  if (copy === null || 'fault' in copy) return { fault, found };
  return { fault, found: [{ path: `${folder}/state.durable.json`, value: copy.value }] };
}

/**
 * Whether the lock is held. It has to be taken for a moment to know that, which no watcher that starts just then minds: it
 * tries again. So it is asked only where pids say nothing, and a lock file that is not there is not made.
 */
function isLocked(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
  const got = tryKernelLock(path);
  if (got === 'busy') return true;
  if (!('fault' in got)) got.release();
  return false;
}

/** Where a watcher of this name may have its socket: its folder, or a private one if that took none. */
export function socketFolders(stateDir: string, name: string): string[] {
  return [join(stateDir, name), ...existingPrivateFolders(stateDir, name)];
}

/** Why a model gave no answer, for `status`: beside the state, since the machine neither knows of models nor waits for them. */
const FILE = 'diagnosis-fault.json';
const MOST_BYTES = 8192;

/** Keeps the reason, or with null forgets it. Throws the system's error. */
export function keepDiagnosisFault(place: Pick<StateFolder, 'at' | 'ensure'>, why: string | null): void {
  if (why === null) return removeIfThere(place.at(FILE));
  const gone = place.ensure();
  if (gone !== null) throw new Error(gone);
  replaceFile(place.at(FILE), `${JSON.stringify({ watcherPid: process.pid, why })}\n`);
}

/** What the watcher with that pid could not get an answer for; null: nothing, or it was another watcher, and long ago. */
export function readDiagnosisFault(stateDir: string, name: string, watcherPid: number): string | null {
  const path = `${stateDir}/${name}/${FILE}`;
  try {
    const kept = parseShaped({ object: { watcherPid: 'number', why: 'string' } }, readText(path, MOST_BYTES));
    return kept?.watcherPid === watcherPid ? kept.why : null;
  } catch {
    // Unreadable or broken: it is a remark, and what matters stands in the state.
    return null;
  }
}

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
