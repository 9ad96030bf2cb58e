import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasProc, reasonOf } from '../host/read-file.ts';
import {
  namesWithPrivateFolder,
  openFolderChain,
  openOwnFolder,
  refuseForeign,
  StateFolderRefused,
  within,
} from './private-folder.ts';

/** What a watcher may be called: also the name of its folder, so nothing that is more than one path element. */
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/**
 * All names that have a folder in this state folder, or only a private one since nothing can be written there; sorted. Empty
 * if it is missing or cannot be read.
 */
export function namesIn(stateDir: string): string[] {
  const names = new Set([...foldersIn(stateDir), ...namesWithPrivateFolder(stateDir)]);
  return [...names].filter(name => NAME_PATTERN.test(name)).sort();
}

/** Whether this name was ever watched here. */
export function isName(stateDir: string, name: string): boolean {
  if (statSync(join(stateDir, name), { throwIfNoEntry: false })?.isDirectory()) return true;
  return namesWithPrivateFolder(stateDir).includes(name);
}

function foldersIn(stateDir: string): string[] {
  try {
    return readdirSync(stateDir, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    // ENOENT: nothing was ever watched. EACCES: none of our files is in there.
    return [];
  }
}

/** The newest file of a name's log; the rotated ones have a number behind it. */
export const LOG_FILE = 'output.log';

/** The folder of one name, or the lack of it: without one supervision goes on, and it is tried again with each save. */
export interface StateFolder {
  readonly stateDir: string;
  readonly name: string;
  /** For people and for the child; our own files are reached by `at`. */
  readonly path: string;
  /** Why nothing can be written there as things stand; null if it can. */
  readonly unwritable: string | null;
  /** The path by which to reach a file in the folder. */
  at(file: string): string;
  /** Makes and opens the folder if that failed before, or if it was removed. Returns why that fails, or null. */
  ensure(): string | null;
  close(): void;
}

/** All that steers us in a name's folder: none of it may be a link or another user's. */
const STEERING = ['lock', 'watcher.json', 'state.json', 'state.durable.json', 'hold.json', 'armed.json', 'control'];

/**
 * Opens the folder of a name, making it and the state folder if need be. Throws StateFolderRefused for a link or a foreign
 * owner in its or its files' place; any other failure (read-only, full, not ours to write) is told by `unwritable`.
 */
export function openStateFolder(stateDir: string, name: string): StateFolder {
  if (!NAME_PATTERN.test(name)) throw new StateFolderRefused(`'${name}' is not a valid service name`);
  const path = join(stateDir, name);
  let fd: number | null = null;
  let base = path;
  let begun = false;
  const close = () => {
    if (fd !== null) closeSync(fd);
    fd = null;
    base = path;
  };
  const ensure = (): string | null => {
    // What was removed takes no more files, and what was moved aside is found by nobody, though both stay open.
    if (fd !== null && isAt(fd, path)) return null;
    close();
    try {
      fd = openInStateDir(stateDir, name);
      base = reachable(fd, path);
      return null;
    } catch (error) {
      // At the start that ends us; later supervision goes on without the folder.
      if (error instanceof StateFolderRefused && !begun) throw error;
      // No path leads through what was refused: below this one there is nothing.
      if (error instanceof StateFolderRefused) base = NOWHERE;
      return error instanceof StateFolderRefused ? error.message : `${path}: ${reasonOf(error)}`;
    }
  };
  const failed = ensure();
  begun = true;
  if (failed === null) for (const file of STEERING) checkFile(join(base, file), join(path, file));
  return {
    stateDir,
    name,
    path,
    unwritable: failed ?? whyUnwritable(base, path),
    at: file => `${base}/${file}`,
    ensure,
    close,
  };
}

const NOWHERE = '/dev/null';

/** Whether the open folder is still what its path leads to. */
function isAt(fd: number, path: string): boolean {
  try {
    const open = fstatSync(fd);
    if (open.nlink === 0) return false;
    const there = lstatSync(path, { throwIfNoEntry: false });
    return there !== undefined && there.dev === open.dev && there.ino === open.ino;
  } catch {
    // A folder above may not be entered any more, or the disk does not answer: then nobody is misled by what lies there.
    return true;
  }
}

function openInStateDir(stateDir: string, name: string): number {
  const path = join(stateDir, name);
  if (!hasProc) {
    makeStateDir(stateDir);
    return openOwnFolder(path);
  }
  const above = openFolderChain(stateDir, true);
  try {
    return openOwnFolder(within(above, name), path);
  } finally {
    closeSync(above);
  }
}

/**
 * Does something in the folder of a name, which must be ours, by way of its open descriptor. Throws StateFolderRefused or the system's
 * error.
 */
export function inOwnFolder<T>(stateDir: string, name: string, act: (folder: string) => T): T {
  const fd = openInStateDir(stateDir, name);
  try {
    return act(reachable(fd, join(stateDir, name)));
  } finally {
    closeSync(fd);
  }
}

/** Where there are no descriptors to go by. One that exists keeps its mode, and may be a link (as StateDirectory= with DynamicUser= makes it). */
function makeStateDir(stateDir: string): void {
  try {
    const made = mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    if (made !== undefined) chmodSync(stateDir, 0o700);
  } catch (error) {
    // Of a read-only disk Node's recursive mkdir says ENOENT; the plain one of the first missing folder tells the truth.
    let missing = stateDir;
    while (!existsSync(dirname(missing))) missing = dirname(missing);
    mkdirSync(missing, { mode: 0o700 });
    throw error;
  }
}

/**
 * Our files are reached through the open folder, so that whoever may rename the folder (the owner of the one above it)
 * cannot move our writing elsewhere. Without /proc the plain path has to do.
 */
function reachable(fd: number, path: string): string {
  return hasProc ? `/proc/self/fd/${fd}` : path;
}

function checkFile(path: string, shown: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) refuseForeign(stats, shown);
}

function whyUnwritable(base: string, path: string): string | null {
  try {
    accessSync(base, constants.W_OK);
    return null;
  } catch (error) {
    return `${path}: ${reasonOf(error)}`;
  }
}
