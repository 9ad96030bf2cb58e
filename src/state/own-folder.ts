import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  type Stats,
} from 'node:fs';
import { errnoOf, reasonOf } from '../host/errno.ts';

/** Something in the place of a folder or file of ours that must not be there: nothing is started. The message is one line. */
export class PlaceRefused extends Error {
  override readonly name = 'PlaceRefused';
}

const ownUid = () => process.geteuid?.() ?? -1;

/** Refuses a link, a foreign owner, and (for a folder) what is none. `path` is for the message. */
export function refuseForeign(stats: Stats, path: string): void {
  if (stats.isSymbolicLink()) throw new PlaceRefused(`${path} is a symbolic link; remove it to go on`);
  if (stats.uid !== ownUid()) throw new PlaceRefused(`${path} belongs to user ${stats.uid}, not to you (${ownUid()})`);
}

/**
 * Makes the folder if it is missing (0700 whatever the umask) and opens it. Its owner and kind are read from the open
 * descriptor, so that nothing can be put in its place between the look and the use. Throws PlaceRefused for a link or a
 * foreign owner, else the system's error.
 */
export function openOwnFolder(path: string): number {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  const fd = openFolder(path);
  try {
    const stats = fstatSync(fd);
    refuseForeign(stats, path);
    if ((stats.mode & 0o777) !== 0o700) fchmodSync(fd, 0o700);
  } catch (error) {
    // A folder on a read-only file system keeps its mode; all else is a reason not to use it.
    if (errnoOf(error) === 'EROFS') return fd;
    closeSync(fd);
    throw error;
  }
  return fd;
}

function openFolder(path: string): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags);
  } catch (error) {
    const stats = lstatSync(path);
    refuseForeign(stats, path);
    if (!stats.isDirectory()) throw new PlaceRefused(`${path} is not a folder; remove it to go on`);
    if (errnoOf(error) !== 'EACCES') throw error;
    // Ours, but closed to ourselves, as a umask of 0777 or a careless chmod leaves it.
    chmodSync(path, 0o700);
    return openSync(path, flags);
  }
}

/** The same for a folder one can do without: its descriptor, or the reason why there is none. A refusal is a reason too. */
export function tryOwnFolder(path: string): number | string {
  try {
    return openOwnFolder(path);
  } catch (error) {
    return error instanceof PlaceRefused ? error.message : `${path}: ${reasonOf(error)}`;
  }
}
