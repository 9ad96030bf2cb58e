import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  promises as files,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { fnv1a } from '../core/text.ts';
import { errnoOf } from '../host/read-file.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

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
  // After this many tries the writer is busier than a watcher ever is: the check of its shape decides.
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

/**
 * Replaces one of our files, 0600, by a rename: a reader finds the old text or the new one, and so does whoever comes after
 * a kill -9. For what is written rarely, and by more than one process: the last one wins. Throws the system's error.
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  // Ours from an earlier life of the same pid.
  removeIfThere(temporary);
  try {
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      fchmodSync(fd, 0o600);
      writeAll(fd, Buffer.from(text));
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
}

/** A file that is replaced as a whole, many times. For one writer. */
export interface RecycledFile {
  /** Whoever reads the file, and whoever kills us, finds the old text or the new one. Throws the system's error. */
  replace(text: string): void;
}

/**
 * Replaces by rename, but writes the new text into the inode that the file had the time before last, which a second name
 * has kept alive. Its blocks are there already: a full disk takes it, and ext4 does not start writing at the rename, as
 * it does for every fresh file that takes another's place (0.05 ms a save against 0.3).
 *
 * The price: a reader that is very slow can see its file overwritten (`readSettled` looks twice), and a power cut can
 * leave an old text behind a new name (so the durable copy is trusted more then).
 */
export function recycledFile(path: () => string): RecycledFile {
  let [spare, other] = existsSync(`${path()}.spare-b`) ? ['.spare-b', '.spare-a'] : ['.spare-a', '.spare-b'];
  return {
    replace: text => {
      // Asked each time: the folder may have been made anew.
      const file = path();
      writeSpare(file + spare, text);
      keepInode(file, file + other);
      renameSync(file + spare, file);
      [spare, other] = [other, spare];
    },
  };
}

function writeSpare(path: string, text: string): void {
  const bytes = Buffer.from(text);
  const { fd, size } = openSpare(path);
  try {
    writeAll(fd, bytes);
    if (size > bytes.length) ftruncateSync(fd, bytes.length);
  } catch (error) {
    // What was made for this save gives its room back; an old spare's room is what the next try needs.
    if (size === 0) removeIfThere(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function openSpare(path: string): { fd: number; size: number } {
  const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  const fd = openSync(path, flags, 0o600);
  const stats = fstatSync(fd);
  // A kill between link and rename leaves a spare that is the file itself: writing into that would tear it.
  if (stats.nlink === 1 && stats.isFile()) {
    // The mode given to open is cut by the umask; ours must be neither wider nor narrower.
    if ((stats.mode & 0o777) !== 0o600) fchmodSync(fd, 0o600);
    return { fd, size: stats.size };
  }
  closeSync(fd);
  unlinkSync(path);
  const fresh = openSync(path, flags | O_EXCL, 0o600);
  fchmodSync(fresh, 0o600);
  return { fd: fresh, size: 0 };
}

/** Gives the file's present inode a second name, to be the spare of the save after this one. */
function keepInode(path: string, name: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return linkSync(path, name);
    } catch (error) {
      // The first save, or a file system without hard links: then the next spare is a new file.
      if (errnoOf(error) !== 'EEXIST') return;
      // Left by a killed save.
      removeIfThere(name);
    }
  }
}

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/**
 * Writes a file so that it survives a power cut: temporary file, fsync, rename, fsync of the folder. Off the loop, since
 * an fsync takes from a millisecond to many seconds. Throws the system's error and leaves no temporary file then.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await files.unlink(temporary).catch(() => {
    // Not there: as it should be.
  });
  const file = await files.open(temporary, 'wx', 0o600);
  try {
    try {
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await files.unlink(temporary).catch(() => {
      // Renamed already, or never made.
    });
    throw error;
  }
}

/** Makes the renames in a folder survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** 8 hex digits, against halves and accidents. Not by node:crypto, whose first hash costs a millisecond of the start. */
export function checksum(text: string, basis?: number): string {
  return fnv1a(text, basis).toString(16).padStart(8, '0');
}
