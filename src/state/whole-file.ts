import { closeSync, constants, fstatSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { errnoOf } from '../host/errno.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

const QUIET_MS = 1000;

/** What became of an attempt to write. `why` is in a few words. */
export type Written = { ok: true } | { ok: false; why: string };

/** Writes all of it from the file's start on: a nearly full disk takes a part and says so only at the next call. */
export function writeAll(fd: number, bytes: Buffer): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, done);
}

/** Deletes a file; one that is not there, or cannot be deleted, is no matter. */
export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // ENOENT mostly. What cannot be deleted (a read-only disk) harms nobody where this is called.
  }
}

/**
 * The text of a regular file (see `readText`) whose writer recycles its inodes: if it was written just now, read twice, until both are alike
 * and the name still leads to what was read.
 */
export function readSettled(path: string, limitBytes: number): string | null {
  let text = '';
  for (let attempt = 0; attempt < 100; attempt++) {
    const opened = openRegular(path, limitBytes);
    if (opened === null) return null;
    try {
      const bytes = readAll(opened);
      text = bytes.toString('utf8');
      // Nothing recycles an inode within the moment that a read takes after a second without any save.
      if (Math.abs(Date.now() - opened.changedAt) > QUIET_MS) break;
      const now = statSync(path, { throwIfNoEntry: false });
      const grew = bytes.length > opened.size;
      if (!grew && now?.ino === opened.inode && bytes.equals(readAll(opened))) break;
    } finally {
      closeSync(opened.fd);
    }
  }
  // After so many tries the writer is busier than a watcher ever is: the check of its shape decides.
  return text;
}

interface Opened {
  fd: number;
  size: number;
  inode: number;
  changedAt: number;
}

function openRegular(path: string, limitBytes: number): Opened | null {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw errnoOf(error) === 'ELOOP' ? new Error('a symbolic link') : error;
  }
  const stats = fstatSync(fd);
  const fault = stats.isFile() ? null : 'not a regular file';
  const tooLarge = stats.size > limitBytes ? `larger than ${limitBytes} bytes` : null;
  if (fault === null && tooLarge === null) return { fd, size: stats.size, inode: stats.ino, changedAt: stats.mtimeMs };
  closeSync(fd);
  throw new Error(fault ?? tooLarge ?? '');
}

/**
 * Up to one byte more than its size, so that one that grows meanwhile is seen to be cut. One read does: a regular file gives
 * less than was asked for at its end only.
 */
function readAll({ fd, size }: Opened): Buffer {
  const bytes = Buffer.allocUnsafe(size + 1);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
}
