import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { resolve } from 'node:path';
import { errnoOf, reasonOf } from '../host/read-file.ts';
import { checksum } from './atomic-file.ts';

// Folders on the way to ours, opened one by one: the owner of a folder above may put a link in the place of what is below, between a
// look and a use, and our writing would go where it leads. So each is opened in the one before it, without following links. A link is
// followed only if it is ours or root's, as StateDirectory= makes one.

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
      if (++links > MOST_LINKS) throw new StateFolderRefused(`${path} has too many symbolic links`);
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

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
const ownUid = () => process.geteuid?.() ?? -1;

/** Refuses a link, a foreign owner, and (for a folder) what is none. `path` is for the message. */
export function refuseForeign(stats: Stats, path: string): void {
  if (stats.isSymbolicLink()) throw new StateFolderRefused(`${path} is a symbolic link; remove it to continue`);
  if (stats.uid !== ownUid())
    throw new StateFolderRefused(`${path} belongs to user ${stats.uid}, not to you (${ownUid()})`);
}

/**
 * Makes the folder if it is missing (0700 whatever the umask) and opens it. `shown` is for messages. Its owner and kind are read from the open
 * descriptor, so that nothing can be put in its place between the look and the use. Throws StateFolderRefused for a link or a
 * foreign owner, else the system's error.
 */
export function openOwnFolder(path: string, shown = path): number {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  const fd = openFolder(path, shown);
  try {
    const stats = fstatSync(fd);
    refuseForeign(stats, shown);
    if ((stats.mode & 0o777) !== 0o700) fchmodSync(fd, 0o700);
  } catch (error) {
    // A folder on a read-only file system keeps its mode; all else is a reason not to use it.
    if (errnoOf(error) === 'EROFS') return fd;
    closeSync(fd);
    throw error;
  }
  return fd;
}

function openFolder(path: string, shown: string): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags);
  } catch (error) {
    const stats = lstatSync(path);
    refuseForeign(stats, shown);
    if (!stats.isDirectory()) throw new StateFolderRefused(`${shown} is not a folder; remove it to continue`);
    if (errnoOf(error) !== 'EACCES') throw error;
    // Ours, but closed to ourselves, as a umask of 0777 or a careless chmod leaves it.
    chmodSync(path, 0o700);
    return openSync(path, flags);
  }
}

/** The same for a folder one can do without: its descriptor, or the reason why there is none. A refusal is a reason too. */
function tryOwnFolder(path: string): number | string {
  try {
    return openOwnFolder(path);
  } catch (error) {
    return error instanceof StateFolderRefused ? error.message : `${path}: ${reasonOf(error)}`;
  }
}

/**
 * Where lock, record and socket go when the name's own folder takes none (a read-only or full disk): a private folder in
 * a memory file system, keyed by state folder and name. The list is fixed, not by TMPDIR and the like, since two
 * watchers of one name must come to the same one whatever their environments say.
 */
function rootsOf(uid: number): string[] {
  const own = uid === 0 ? '/run/agent-watch' : `/run/user/${uid}/agent-watch`;
  return [own, `/tmp/agent-watch-${uid}`, `/dev/shm/agent-watch-${uid}`];
}

const KEY_DIGITS = 16;

const keyOf = (stateDir: string, name: string) => keyIn(real(stateDir), name);

/** `realStateDir`: without links. */
function keyIn(realStateDir: string, name: string): string {
  const text = `${realStateDir}\0${name}`;
  // Two sums from two beginnings: 64 bits are enough to tell the state folders of one machine apart.
  return `${name}-${checksum(text)}${checksum(text, 0x5bd1e995)}`;
}

function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // Not there, or not to be seen: then two who cannot see it agree on the path as it was given.
    return path;
  }
}

/** What is the same for all names of a state folder. */
interface Roots {
  stateDir: string;
  uid: number;
  /** Those that are there and not empty, with what lies in them; null: that cannot be listed. */
  roots: { path: string; entries: ReadonlySet<string> | null }[];
  real: string;
}

let known: Roots | null = null;

/** Looked up once in a turn of the event loop: a command that lists a hundred names would ask a thousand times otherwise. */
function existingRoots(stateDir: string): Roots {
  if (known?.stateDir === stateDir) return known;
  const uid = ownUid();
  const roots = rootsOf(uid)
    .filter(root => isOurs(root, uid))
    .map(path => ({ path, entries: entriesOf(path) }))
    .filter(({ entries }) => entries?.size !== 0);
  known = { stateDir, uid, roots, real: roots.length === 0 ? stateDir : real(stateDir) };
  queueMicrotask(() => {
    known = null;
  });
  return known;
}

/** The private folders of a name that exist and are ours, best first. Makes none. */
export function existingPrivateFolders(stateDir: string, name: string): string[] {
  const { roots, uid, real } = existingRoots(stateDir);
  if (roots.length === 0) return [];
  const key = keyIn(real, name);
  return roots.flatMap(({ path, entries }) =>
    entries?.has(key) !== false && isOurs(`${path}/${key}`, uid) ? [`${path}/${key}`] : [],
  );
}

function entriesOf(path: string): ReadonlySet<string> | null {
  try {
    return new Set(readdirSync(path));
  } catch {
    // No descriptor is left, or it went just now.
    return null;
  }
}

/** The names of a state folder that have a private folder. */
export function namesWithPrivateFolder(stateDir: string): string[] {
  const uid = process.geteuid?.() ?? -1;
  return rootsOf(uid)
    .filter(root => isOurs(root, uid))
    .flatMap(root => readdirSync(root))
    .flatMap(entry => {
      const name = entry.slice(0, -KEY_DIGITS - 1);
      return keyOf(stateDir, name) === entry ? [name] : [];
    });
}

function isOurs(path: string, uid: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === uid && (stats.mode & 0o077) === 0;
}

/** Makes the first private folder that can be made (0700): its path, or why there is none. */
export function makePrivateFolder(stateDir: string, name: string): { path: string } | { why: string } {
  const faults: string[] = [];
  const key = keyOf(stateDir, name);
  known = null;
  for (const root of rootsOf(process.geteuid?.() ?? -1)) {
    const outer = tryOwnFolder(root);
    if (typeof outer === 'string') {
      faults.push(outer);
      continue;
    }
    closeSync(outer);
    const inner = tryOwnFolder(`${root}/${key}`);
    if (typeof inner === 'number') {
      closeSync(inner);
      return { path: `${root}/${key}` };
    }
    faults.push(inner);
  }
  return { why: faults.join('; ') };
}

/** Opens a file for reading and writing that is only our own user's (0600), made if missing, cut to `mostBytes`. Throws the system's error. */
export function openPrivateFile(path: string, mostBytes: number): number {
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error(`${path} is not a regular file`);
    if ((stats.mode & 0o777) !== 0o600) fchmodSync(fd, 0o600);
    if (stats.size > mostBytes) ftruncateSync(fd, mostBytes);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
