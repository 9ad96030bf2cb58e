import {
  closeSync,
  constants,
  existsSync,
  promises as files,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The errno name of a failed system call (`ENOSPC`), or null for anything else that was thrown. */
export function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

const SHORTAGES: ReadonlySet<string | null> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** Throws the error on if it says that a look could not be made (no descriptors, no memory), and nothing of what was looked for. */
export function refuseShortage(error: unknown): void {
  if (SHORTAGES.has(errnoOf(error))) throw error;
}

/**
 * A failed system call in a few words for one line: `ENOSPC: no space left on device`. Node appends the call and its
 * path, which are cut: paths are often ones through /proc/self/fd, which tell nobody anything.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [first = ''] = error.message.split('\n');
  const code = errnoOf(error);
  if (code === null) return first;
  // A file's call stands behind the reason (`ENOENT: no such file or directory, open '/x'`), a socket's before it, and its
  // address at the end (`listen EACCES: permission denied /x`).
  const port = 'port' in error && typeof error.port === 'number' && error.port >= 0 ? `:${error.port}` : '';
  const address = 'address' in error && typeof error.address === 'string' ? ` ${error.address}${port}` : '';
  const reason = first.slice(Math.max(0, first.indexOf(`${code}:`))).replace(/, \w+(?: '.*)?$/, '');
  return address !== '' && reason.endsWith(address) ? reason.slice(0, -address.length) : reason;
}

/** A failed call of libc, in the form of Node's own errors. */
export class SystemError extends Error {
  /** The errno name, such as `EAGAIN`. */
  readonly code: string;
  /** Negative, as in Node's own errors. */
  readonly errno: number;
  readonly syscall: string;

  constructor(errno: number, syscall: string) {
    const { getSystemErrorMap } = process.getBuiltinModule('node:util');
    const { constants } = process.getBuiltinModule('node:os');
    // Node's map lacks some, such as ENOLCK.
    const named = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    const [code, text] = getSystemErrorMap().get(-errno) ?? [named, 'refused by the system'];
    super(`${code}: ${text}, ${syscall}`);
    this.code = code;
    this.errno = -errno;
    this.syscall = syscall;
  }
}

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

// The texts and lists of /proc, for those who take what can be read and go on without the rest.

/**
 * Whether the system shows its processes in /proc: Linux, but for a root without it. Elsewhere (macOS) `ps` tells them, files are reached
 * by their paths, and what only /proc knows is left out. The one switch between the two.
 */
export const hasProc: boolean = process.platform === 'linux' && existsSync('/proc/self/stat');

/** A clock tick of /proc on Linux, in ms: USER_HZ is 100 on every architecture, whatever the kernel's own tick. */
export const TICK_MS = 10;

/** The text of such a file; null: its process is gone or another user's, or this system has no /proc. */
export function procText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // As said above.
    return null;
  }
}

/** The names in such a folder; none where {@link procText} would give null. */
export function procNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // As said above.
    return [];
  }
}

/**
 * The fields of /proc/PID/stat behind the name, the state first: field n of proc(5) has the index n - 3. The name may hold spaces and
 * parentheses, so they are counted from the last closing one. Null where it cannot be read.
 */
export function statFields(pid: number): readonly string[] | null {
  const line = procText(`/proc/${pid}/stat`);
  return line === null ? null : line.slice(line.lastIndexOf(')') + 2).split(' ', 20);
}

/** The processor time that a process has used so far, in ms: utime and stime of its {@link statFields}. */
export function cpuMsIn(fields: readonly string[]): number {
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The processes that any thread of this one forked and that are still its children: the kernel lists them by thread. */
export function childrenOf(pid: number): number[] {
  return procNames(`/proc/${pid}/task`).flatMap(thread => {
    const text = procText(`/proc/${pid}/task/${thread}/children`)?.trim() ?? '';
    return text === '' ? [] : text.split(' ').map(Number);
  });
}
