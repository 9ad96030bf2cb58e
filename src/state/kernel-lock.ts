import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, lstatSync, openSync, type Stats } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { reasonOf } from '../host/errno.ts';

/** A lock that the kernel frees when this process ends, however it ends. */
export interface KernelLock {
  release(): void;
}

const SQLITE_BUSY = 5;
const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
/** Locks of this process by device and inode: see `tryKernelLock`. */
const held = new Set<string>();

/**
 * Takes an exclusive lock on the file (made if missing, 0600, always empty), without waiting.
 *
 * Node offers no flock(2) or fcntl(2), but it carries SQLite, whose write lock on a database file is an fcntl lock of this
 * process: taken within a millisecond, not inherited by children, freed by the kernel at kill -9, the same across network
 * namespaces and containers of one machine. The database stays empty; nothing is ever written. Rejected: running the
 * `flock` program (a fork, six milliseconds, not on every machine) and an abstract socket (another one in each network
 * namespace).
 *
 * One trap: an fcntl lock goes when *any* descriptor of the file is closed by its process. So the file holds nothing,
 * nobody else in this process opens it, and an inode locked already is not opened again.
 */
export function tryKernelLock(path: string): KernelLock | 'busy' | { fault: string } {
  for (let attempt = 0; attempt < 5; attempt++) {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined && held.has(identity(there))) return 'busy';
    const result = lockOnce(path);
    if (result !== 'replaced') return result;
  }
  return { fault: 'the lock file is being replaced by somebody' };
}

function lockOnce(path: string): KernelLock | 'busy' | 'replaced' | { fault: string } {
  let database: DatabaseSync | null = null;
  try {
    const made = prepareFile(path);
    database = openDatabase(path);
    // In memory, since it would otherwise make a journal file, for which a full disk may lack the room. IMMEDIATE, not EXCLUSIVE: one lock call decides, so of twenty at once exactly one gets it, and none is refused by
    // another that is refused too.
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN IMMEDIATE');
    const now = lstatSync(path, { throwIfNoEntry: false });
    // Deleted or replaced between open and lock: what we hold is a file that the next one will not find.
    if (now === undefined || identity(now) !== made) {
      database.close();
      return 'replaced';
    }
    return hold(database, made);
  } catch (error) {
    database?.close();
    return sqliteCode(error) === SQLITE_BUSY ? 'busy' : { fault: reasonOf(error) };
  }
}

function hold(database: DatabaseSync, inode: string): KernelLock {
  held.add(inode);
  return {
    release: () => {
      if (held.delete(inode)) database.close();
    },
  };
}

/** Makes the file if need be, and empties one that holds something: SQLite would take it for a damaged database. */
function prepareFile(path: string): string {
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error('the lock file is no regular file');
    if ((stats.mode & 0o777) !== 0o600) fchmodSync(fd, 0o600);
    if (stats.size > 0) ftruncateSync(fd, 0);
    return identity(stats);
  } finally {
    closeSync(fd);
  }
}

/** The module says once that it is experimental, which is no news for a user of an executable with a fixed Node inside. */
function openDatabase(path: string): DatabaseSync {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    return new DatabaseSync(path, { timeout: 0 });
  } finally {
    process.emitWarning = emitWarning;
  }
}

function identity(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

function sqliteCode(error: unknown): number | null {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : null;
  // The extended codes carry the primary one in their lowest byte.
  return typeof code === 'number' ? code & 0xff : null;
}
