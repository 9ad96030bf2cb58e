import { closeSync, fstatSync, lstatSync, rmSync, type Stats } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { type Libc, libc } from '../host/libc.ts';
import { reasonOf } from '../host/read-file.ts';
import { openPrivateFile } from './private-folder.ts';

/** A lock that the kernel frees when this process ends, however it ends. */
export interface KernelLock {
  release(): void;
}

const SQLITE_BUSY = 5;
/** The bytes that SQLite locks in a database file (its PENDING_BYTE and what follows): so both kinds of lock exclude each other. */
const LOCK_START = 0x40000000;
const LOCK_LENGTH = 512;
/** SQLite's locks of this process by device and inode: see `lockBySqlite`. */
const held = new Set<string>();

/**
 * Takes an exclusive lock on the file (made if missing, 0600, always empty), without waiting: one of the open file (F_OFD_SETLK), which no
 * child inherits, the kernel frees at kill -9, and which is the same across network namespaces and containers of one machine.
 *
 * Without libc, by SQLite. Rejected: flock(2), which SQLite's lock does not exclude; the `flock` program (a fork, six milliseconds, not on
 * every machine); an abstract socket (another one in each network namespace).
 */
export function tryKernelLock(path: string): KernelLock | 'busy' | { fault: string } {
  const calls = libc();
  for (let attempt = 0; attempt < 5; attempt++) {
    const result = calls === null ? lockBySqlite(path) : lockOpenFile(calls, path);
    if (result !== 'replaced') return result;
  }
  return { fault: 'another process keeps replacing the lock file' };
}

type Attempt = KernelLock | 'busy' | 'replaced' | { fault: string };

function lockOpenFile({ lockBytes }: Libc, path: string): Attempt {
  let fd: number | null = null;
  try {
    fd = openLockFile(path);
    const mine = fd;
    const got = lockBytes(mine, LOCK_START, LOCK_LENGTH);
    if (got && isStillAt(path, identity(fstatSync(mine)))) {
      fd = null;
      return { release: () => closeSync(mine) };
    }
    return got ? 'replaced' : 'busy';
  } catch (error) {
    return { fault: reasonOf(error) };
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/**
 * Node carries SQLite, whose write lock on a database file is an fcntl lock of this process, taken within a millisecond. The database stays
 * empty; nothing is ever written. One trap: an fcntl lock goes when *any* descriptor of the file is closed by its process. So the file
 * holds nothing, nobody else in this process opens it, and an inode locked already is not opened again.
 */
function lockBySqlite(path: string): Attempt {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && held.has(identity(there))) return 'busy';
  let database: DatabaseSync | null = null;
  try {
    const fd = openLockFile(path);
    const made = identity(fstatSync(fd));
    closeSync(fd);
    database = openDatabase(path);
    // In memory, since it would otherwise make a journal file, for which a full disk may lack the room. IMMEDIATE, not EXCLUSIVE:
    // one lock call decides, so of twenty at once exactly one gets it, and none is refused by another that is refused too.
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN IMMEDIATE');
    if (!isStillAt(path, made)) {
      database.close();
      return 'replaced';
    }
    return holdDatabase(database, made);
  } catch (error) {
    database?.close();
    if (sqliteCode(error) !== SQLITE_BUSY) return { fault: reasonOf(error) };
    return takesLocks(`${path}.${process.pid}`) ? 'busy' : { fault: 'ENOLCK, no locks available' };
  }
}

/**
 * Whether the file system takes locks at all. SQLite says BUSY also where it does not (ENOLCK: a network file system without its lock
 * daemon, some shared and FUSE ones). A file that nobody else knows tells the two apart.
 */
function takesLocks(fresh: string): boolean {
  let database: DatabaseSync | null = null;
  try {
    database = openDatabase(fresh);
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    return sqliteCode(error) !== SQLITE_BUSY;
  } finally {
    database?.close();
    rmSync(fresh, { force: true });
  }
}

function holdDatabase(database: DatabaseSync, inode: string): KernelLock {
  held.add(inode);
  return {
    release: () => {
      if (held.delete(inode)) database.close();
    },
  };
}

// Deleted or replaced between open and lock: what we hold is a file that the next one will not find.
function isStillAt(path: string, inode: string): boolean {
  const now = lstatSync(path, { throwIfNoEntry: false });
  return now !== undefined && identity(now) === inode;
}

/** Empty: SQLite would take a file that holds something for a damaged database. */
const openLockFile = (path: string): number => openPrivateFile(path, 0);

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
