/**
 * Folders on the way to ours, opened one by one: the owner of a folder above may put a link in the place of what is below, between a
 * look and a use, and our writing would go where it leads. So each is opened in the one before it, without following links. A link is
 * followed only if it is ours or root's, as StateDirectory= makes one.
 */
import { closeSync, constants, lstatSync, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { errnoOf } from '../host/errno.ts';

/** Something in the place of one of our folders or files that must not be there: nothing is started. The message is one line. */
export class StateFolderRefused extends Error {
  override readonly name = 'StateFolderRefused';
}

/** A descriptor that needs no permission to read the folder, and serves as the beginning of a path. */
const O_PATH = 0o10000000;
const FLAGS = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const MOST_LINKS = 40;

/** The path of something in an open folder. */
export const within = (fd: number, name: string): string => `/proc/self/fd/${fd}/${name}`;

/** Opens a folder by its absolute path; what is missing of it is made (0700) if `make`. Throws StateFolderRefused, or the system's error. */
export function openFolderChain(path: string, make: boolean): number {
  let parts = partsOf(path);
  let links = 0;
  let fd = openSync('/', FLAGS);
  let at = '/';
  try {
    while (parts.length > 0) {
      const [part = '', ...rest] = parts;
      const target = linkIn(fd, part, resolve(at, part));
      if (target === null) {
        fd = closing(fd, stepInto(fd, part, make));
        [at, parts] = [resolve(at, part), rest];
        continue;
      }
      if (++links > MOST_LINKS) throw new StateFolderRefused(`${path} leads through too many links`);
      parts = [...partsOf(resolve(at, target)), ...rest];
      fd = closing(fd, openSync('/', FLAGS));
      at = '/';
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const partsOf = (path: string): string[] => path.split('/').filter(part => part !== '');

function closing(old: number, fresh: number): number {
  closeSync(old);
  return fresh;
}

/** Where a link leads that may be followed; null if it is none. */
function linkIn(fd: number, part: string, shown: string): string | null {
  const stats = lstatSync(within(fd, part), { throwIfNoEntry: false });
  if (stats?.isSymbolicLink() !== true) return null;
  if (stats.uid !== 0 && stats.uid !== process.geteuid?.())
    throw new StateFolderRefused(
      `${shown} is a symbolic link of another user (${stats.uid}); name another --state-dir`,
    );
  return readlinkSync(within(fd, part));
}

function stepInto(fd: number, part: string, make: boolean): number {
  try {
    return openSync(within(fd, part), FLAGS);
  } catch (error) {
    if (!make || errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(within(fd, part), { mode: 0o700 });
    return openSync(within(fd, part), FLAGS);
  }
}
