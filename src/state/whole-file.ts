import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf } from '../host/errno.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** What became of an attempt to write. `why` is in a few words. */
export type Written = { ok: true } | { ok: false; why: string };

/**
 * Replaces a file as a whole: whoever reads it, and whoever kills us, finds the old text or the new one. Not yet safe
 * from a power cut. Throws the system's error, and leaves no temporary file then.
 *
 * A fixed temporary name suffices, since only the lock's holder writes; what a killed one left is simply replaced.
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  const fd = openFresh(temporary);
  try {
    try {
      // The mode given to open is cut by the umask; ours must be neither wider nor narrower.
      fchmodSync(fd, 0o600);
      writeAll(fd, text);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
}

function openFresh(path: string): number {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    unlinkSync(path);
    return openSync(path, flags, 0o600);
  }
}

/** Writes all of it from `position` on: a nearly full disk takes a part and says so only at the next call. */
export function writeAll(fd: number, text: string, position = 0): void {
  const bytes = Buffer.from(text);
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
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
 * The text of a regular file of at most `limitBytes`; null if there is none. Throws the system's error, or an Error that
 * says what is wrong. Neither a link is followed nor a pipe waited for.
 */
export function readWhole(path: string, limitBytes: number): string | null {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw errnoOf(error) === 'ELOOP' ? new Error('a symbolic link') : error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error('not a regular file');
    if (stats.size > limitBytes) throw new Error(`larger than ${limitBytes} bytes`);
    // One byte more than its size, so that a file that grows meanwhile is seen to be cut.
    const bytes = Buffer.allocUnsafe(stats.size + 1);
    let length = 0;
    for (;;) {
      const got = readSync(fd, bytes, length, bytes.length - length, length);
      length += got;
      if (got === 0 || length === bytes.length) break;
    }
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
