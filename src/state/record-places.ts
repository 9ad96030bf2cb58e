import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type LockRecord, openRecord, type RecordFile, readRecord, watcherAlive } from './lock-record.ts';
import type { Place } from './place.ts';
import { existingPrivateFolders, makePrivateFolder } from './private-folder.ts';
import type { Written } from './whole-file.ts';

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
export function newestRecord(stateDir: string, name: string): Found {
  const own = readRecord(join(stateDir, name, RECORD));
  // A live watcher in the name's own folder has looked at the others.
  if (watcherAlive(own)) return { record: own, alive: true, privateFolders: [] };
  const privateFolders = existingPrivateFolders(stateDir, name);
  const records = [...privateFolders.map(folder => readRecord(`${folder}/${RECORD}`)), own];
  const record = records.find(one => one !== null && one !== 'unreadable') ?? (records.find(isGarbled) || null);
  return { record, alive: record !== own && watcherAlive(record), privateFolders };
}

const isGarbled = (record: LockRecord | null | 'unreadable') => record === 'unreadable';

/** An open record; `folder` is the private one that it lies in, null if it lies in the name's own or nowhere. */
export interface PlacedRecord {
  file: RecordFile;
  folder: string | null;
}

/**
 * Opens the record for the lock's holder and writes it for the first time: in the name's folder, or if that takes none in
 * a private one. For `folder`, a private folder that has the lock, it is there from the start.
 */
export function beginRecord(place: Place, folder: string | null, first: LockRecord): PlacedRecord {
  const own = folder === null || folder === place.path ? tryRecord(place.at(RECORD), first) : null;
  if (own !== null) {
    for (const other of existingPrivateFolders(place.stateDir, place.name)) removeDead(`${other}/${RECORD}`);
    return { file: own, folder: null };
  }
  const made =
    folder === null || folder === place.path ? makePrivateFolder(place.stateDir, place.name) : { path: folder };
  if ('why' in made) return { file: nowhere(made.why), folder: null };
  const file = tryRecord(`${made.path}/${RECORD}`, first);
  if (file === null) return { file: nowhere(`${made.path} takes no record`), folder: null };
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
  return { write: () => refused, isGone: () => false, close: () => undefined };
}

function removeDead(path: string): void {
  if (watcherAlive(readRecord(path))) return;
  try {
    unlinkSync(path);
  } catch {
    // ENOENT as a rule: there is none.
  }
}
