import { closeSync, fstatSync, lstatSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseShaped, positive, type Shape } from '../core/shape.ts';
import { bootId, pidNamespace } from '../host/clock.ts';
import { readProcess, usersOf } from '../host/process-table.ts';
import { readText, reasonOf } from '../host/read-file.ts';
import { checksum, type Written } from './atomic-file.ts';
import { existingPrivateFolders, makePrivateFolder, openPrivateFile } from './private-folder.ts';
import type { StateFolder } from './state-folder.ts';

/** A watcher as it can be told from every other process, also from a later one of the same pid. */
export interface WatcherId {
  pid: number;
  startTicks: number | null;
}

/** The run that was begun last and not yet cleared. `childPid` is null until its spawn has returned. */
export interface RecordedRun {
  runId: string;
  childPid: number | null;
  startTicks: number | null;
}

/** What the lock's holder leaves beside the lock. `watcher` is null after a graceful end. */
export interface LockRecord {
  /** The boot in which it was written: without it a pid and start time mean nothing. Null where the system does not tell. */
  bootId: string | null;
  /** Where its pids count: a container that shares the state folder has pids of its own. */
  pidNamespace: string | null;
  watcher: WatcherId | null;
  /** 'unknown' until the first run of a watcher that found no record, or a garbled one. */
  run: RecordedRun | null | 'unknown';
}

/**
 * One sector, always written as a whole into room that it has already: that needs no space on a full disk, and no reader
 * or kill -9 finds half of it. A sum tells the rest.
 */
const RECORD_BYTES = 512;

/** The open record of the lock's holder. */
export interface RecordFile {
  write(record: LockRecord): Written;
  /** Whether the file was removed: what is written to it then is lost. */
  isGone(): boolean;
  /** Whether this path leads to it. */
  isAt(path: string): boolean;
  close(): void;
}

/** What a disk that does not answer leaves unknown. */
function orElse<T>(unknown: T, look: () => T): T {
  try {
    return look();
  } catch {
    return unknown;
  }
}

/** Opens the record for writing (0600), made if missing. Throws the system's error. */
export function openRecord(path: string): RecordFile {
  const fd = openPrivateFile(path, RECORD_BYTES);
  return {
    write: record => {
      try {
        const wrote = writeSync(fd, format(record), 0, RECORD_BYTES, 0);
        return wrote === RECORD_BYTES ? { ok: true } : { ok: false, why: 'no room for the record' };
      } catch (error) {
        return { ok: false, why: reasonOf(error) };
      }
    },
    isGone: () => orElse(false, () => fstatSync(fd).nlink === 0),
    isAt: at => orElse(true, () => lstatSync(at, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino),
    close: () => closeSync(fd),
  };
}

/**
 * Reads a record without the lock. Null if there is none, 'unreadable' if something else lies there, or what another user may have
 * written: it says whom we may end. `anybodys`: it is only to be shown.
 */
export function readRecord(path: string, anybodys = false): LockRecord | null | 'unreadable' {
  // A reader may meet a writer half-way: then the next look finds it whole.
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const text = readText(path, RECORD_BYTES, anybodys ? null : (process.geteuid?.() ?? null));
      if (text === null) return null;
      const record = parse(text);
      if (record !== null) return record;
    } catch {
      // No regular file, or not ours to read: it says nothing, like a garbled one.
      return 'unreadable';
    }
  }
  return 'unreadable';
}

/** Whether the watcher that wrote the record still lives: same boot, same pid, same start time, and no zombie. */
export function watcherAlive(record: LockRecord | null | 'unreadable'): boolean {
  if (record === null || record === 'unreadable' || record.watcher === null) return false;
  const { watcher } = record;
  if (record.bootId !== bootId() || record.pidNamespace !== pidNamespace()) return false;
  const found = readProcess(watcher.pid);
  if (found === null || found.dead) return false;
  return watcher.startTicks === null || watcher.startTicks === found.startTicks;
}

/**
 * Whether the record is of this boot, but its pids count in a container that is not ours, or no pid can be looked up here (no
 * /proc): only the lock can tell then.
 */
export function isElsewhere(record: LockRecord | null | 'unreadable'): record is LockRecord {
  if (record === null || record === 'unreadable' || record.watcher === null) return false;
  if (record.bootId !== bootId()) return false;
  return record.pidNamespace !== pidNamespace() || readProcess(process.pid) === null;
}

/** A record of this process. */
export function ownRecord(run: LockRecord['run']): LockRecord {
  const watcher = { pid: process.pid, startTicks: readProcess(process.pid)?.startTicks ?? null };
  return { bootId: bootId(), pidNamespace: pidNamespace(), watcher, run };
}

function format(record: LockRecord): Buffer {
  const text = JSON.stringify(record);
  return Buffer.from(`{"sum":"${checksum(text)}","record":${text}}`.padEnd(RECORD_BYTES - 1).concat('\n'));
}

function parse(text: string): LockRecord | null {
  const match = /^\{"sum":"([0-9a-f]{8})","record":(\{.*\})\} *\n$/.exec(text);
  if (match === null || match[2] === undefined || checksum(match[2]) !== match[1]) return null;
  return parseShaped(recordShape, match[2]);
}

const recordShape = {
  object: {
    bootId: { nullable: 'string' },
    pidNamespace: { nullable: 'string' },
    watcher: { nullable: { object: { pid: positive, startTicks: { nullable: 'integer' } } } },
    run: {
      either: [
        { nullable: { oneOf: ['unknown'] } },
        { object: { runId: 'string', childPid: { nullable: positive }, startTicks: { nullable: 'integer' } } },
      ],
    },
  },
} as const satisfies Shape;

export const RECORD = 'watcher.json';

/** A record, and whether the watcher that wrote it lives. */
export interface Found {
  record: LockRecord | null | 'unreadable';
  alive: boolean;
  /** The name's private folders; not looked for beside a live watcher in the name's own. */
  privateFolders: readonly string[];
}

/**
 * The newest record of a name, read without the lock: one in a private folder if there is any (it is made only while the
 * name's own folder takes none, and removed when that takes one again), else the folder's own.
 */
export function newestRecord(stateDir: string, name: string, anybodys = false): Found {
  const own = readRecord(`${stateDir}/${name}/${RECORD}`, anybodys);
  // A live watcher in the name's own folder has looked at the others.
  if (watcherAlive(own)) return { record: own, alive: true, privateFolders: [] };
  const privateFolders = existingPrivateFolders(stateDir, name);
  const records = [...privateFolders.map(folder => readRecord(`${folder}/${RECORD}`)), own];
  const record = records.find(one => one !== null && one !== 'unreadable') ?? (records.find(isGarbled) || null);
  return { record, alive: record !== own && watcherAlive(record), privateFolders };
}

const isGarbled = (record: LockRecord | null | 'unreadable') => record === 'unreadable';

/**
 * The live watcher of a name, if its record may be believed: a record is worth what its owner may do, so it is believed only of a process of
 * the same user. Null: there is none that we may signal.
 */
export function signalableWatcher(stateDir: string, name: string): WatcherId | null {
  const { record, alive } = newestRecord(stateDir, name);
  if (!alive || record === null || record === 'unreadable' || record.watcher === null) return null;
  const { pid, startTicks } = record.watcher;
  const us = process.geteuid?.() ?? -1;
  const owner = lstatSync(join(stateDir, name, RECORD), { throwIfNoEntry: false })?.uid ?? us;
  return startTicks !== null && usersOf(pid)?.real === owner ? record.watcher : null;
}

/** An open record; `folder` is the private one that it lies in, null if it lies in the name's own or nowhere. */
export interface PlacedRecord {
  file: RecordFile;
  folder: string | null;
}

/**
 * Opens the record for the lock's holder and writes it for the first time: in the name's folder, or if that takes none in
 * a private one. For `folder`, a private folder that has the lock, it is there from the start.
 */
export function beginRecord(place: StateFolder, folder: string | null, first: LockRecord): PlacedRecord {
  const own = folder === null || folder === place.path ? tryRecord(place.at(RECORD), first) : null;
  if (own !== null) {
    for (const other of existingPrivateFolders(place.stateDir, place.name)) removeDead(`${other}/${RECORD}`);
    return { file: own, folder: null };
  }
  const made =
    folder === null || folder === place.path ? makePrivateFolder(place.stateDir, place.name) : { path: folder };
  if ('why' in made) return { file: nowhere(made.why), folder: null };
  const file = tryRecord(`${made.path}/${RECORD}`, first);
  if (file === null) return { file: nowhere(`${made.path} cannot hold a record`), folder: null };
  return { file, folder: made.path };
}

function tryRecord(path: string, first: LockRecord): RecordFile | null {
  try {
    const file = openRecord(path);
    if (file.write(first).ok) return file;
    file.close();
    return null;
  } catch {
    // Read-only, full, or something else in its place: the next folder is tried.
    return null;
  }
}

function nowhere(why: string): RecordFile {
  const refused: Written = { ok: false, why };
  return { write: () => refused, isGone: () => false, isAt: () => true, close: () => undefined };
}

function removeDead(path: string): void {
  if (watcherAlive(readRecord(path))) return;
  try {
    unlinkSync(path);
  } catch {
    // ENOENT as a rule: there is none.
  }
}
