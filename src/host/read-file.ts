import { closeSync, constants, promises as files, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './errno.ts';

/**
 * The text of a regular file of at most `limitBytes`; null if there is none. Throws the system's error, or an Error that
 * says what is wrong. Neither a link is followed nor a pipe waited for.
 * @param owner of the file, where only one is believed; nobody else may write to it then
 */
export function readText(path: string, limitBytes: number, owner: number | null = null): string | null {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (stats.isSymbolicLink()) throw new Error('a symbolic link');
  if (!stats.isFile()) throw new Error('not a regular file');
  if (stats.size > limitBytes) throw new Error(`larger than ${limitBytes} bytes`);
  if (owner !== null && (stats.uid !== owner || (stats.mode & 0o022) !== 0)) throw new Error("another user's");
  try {
    // One call into Node for open, read and close: `status` reads a hundred files so, `incidents` five hundred.
    return readFileSync(path, { encoding: 'utf8', flag: READ_NO_LINK });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

// For what came into its place since the look. Node takes a number here, though its types want a word.
const READ_NO_LINK = (constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) as unknown as string;

/** Opening a FIFO would wait for its other end, and opening a terminal would make it ours. */
const NO_WAIT = constants.O_NONBLOCK | constants.O_NOCTTY;
const NOT_REGULAR = 'not a regular file';

/**
 * Opens a regular file that another user may have put there. Never waits for the other end of a FIFO. Throws the system's error,
 * or an Error that says what is wrong.
 */
export function openRegularSync(path: string, flags: number = constants.O_RDONLY, mode?: number): number {
  const fd = openSync(path, flags | NO_WAIT, mode);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error(NOT_REGULAR);
}

/** The same off the loop: a mount that hangs holds a thread of the pool, never the watcher. The caller keeps the time. */
export async function openRegular(
  path: string,
  flags: number = constants.O_RDONLY,
  mode?: number,
): Promise<FileHandle> {
  const file = await files.open(path, flags | NO_WAIT, mode);
  try {
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw new Error(NOT_REGULAR);
}

/**
 * Opens a file to append to, which is made if it is not there; never waits. A link is followed only if nobody but us and root can have put
 * it there, as /dev/stderr. A pipe and a terminal are taken as they are; a file with a second name may be anybody's, and is not.
 * Throws the system's error, or an Error that says what is wrong.
 */
export async function openToAppend(path: string): Promise<FileHandle> {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
  const flags = O_APPEND | O_CREAT | O_WRONLY | NO_WAIT;
  const file = await files.open(path, flags | O_NOFOLLOW, 0o600).catch(async (error: unknown) => {
    if (errnoOf(error) !== 'ELOOP') throw error;
    if (!(await isOwnLink(path))) throw new Error('a symbolic link that another user may have put there');
    return files.open(path, flags, 0o600);
  });
  try {
    const stats = await file.stat();
    if (stats.isFile() ? stats.nlink <= 1 : stats.isFIFO() || stats.isCharacterDevice()) return file;
    throw new Error(stats.isFile() ? 'a file with more than one name' : NOT_REGULAR);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether the link is ours or root's, and so is the folder it lies in. */
async function isOwnLink(path: string): Promise<boolean> {
  const isOurs = (uid: number) => uid === 0 || uid === process.geteuid?.();
  const [link, folder] = await Promise.all([files.lstat(path), files.stat(dirname(path))]);
  const sticky = (folder.mode & 0o1000) !== 0;
  return isOurs(link.uid) && isOurs(folder.uid) && ((folder.mode & 0o022) === 0 || sticky);
}
