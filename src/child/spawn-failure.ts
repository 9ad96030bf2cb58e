import { accessSync, closeSync, constants, readdirSync, readSync, type Stats, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { SpawnFailure } from '../core/model.ts';
import { openRegularSync } from '../host/read-file.ts';

/** What the kernel starts in order to run a file: the interpreter of a script's first line, or a binary's dynamic loader. */
export interface Loader {
  kind: 'script' | 'binary';
  path: string;
}

/** The loader that a file names, or null where it names none or cannot be read. */
function loaderOf(path: string): Loader | null {
  let fd: number;
  try {
    fd = openRegularSync(path);
  } catch {
    // Executable but not readable: nothing to tell.
    return null;
  }
  try {
    const head = Buffer.alloc(4096);
    const length = readSync(fd, head, 0, head.length, 0);
    return scriptLoader(head.subarray(0, length)) ?? binaryLoader(fd, head.subarray(0, length));
  } catch {
    // A broken header names no loader.
    return null;
  } finally {
    closeSync(fd);
  }
}

// The kernel takes what follows "#!" up to a blank; a carriage return before the line's end is a part of the name.
function scriptLoader(head: Buffer): Loader | null {
  const match = /^#![ \t]*([^ \t\n]+)/.exec(head.toString('utf8', 0, 256));
  return match?.[1] === undefined ? null : { kind: 'script', path: match[1] };
}

const PT_INTERP = 3;

// ELF, 64 or 32 bit, little endian: the program header of type PT_INTERP says where in the file the loader's path lies.
function binaryLoader(fd: number, head: Buffer): Loader | null {
  if (head.toString('latin1', 0, 4) !== '\x7fELF' || head[5] !== 1) return null;
  const wide = head[4] === 2;
  const table = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28);
  const entryBytes = head.readUInt16LE(wide ? 54 : 42);
  const entries = head.readUInt16LE(wide ? 56 : 44);
  for (let index = 0; index < entries; index++) {
    const at = table + index * entryBytes;
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const offset = wide ? Number(head.readBigUInt64LE(at + 8)) : head.readUInt32LE(at + 4);
    const bytes = Buffer.alloc(4096);
    const length = readSync(fd, bytes, 0, bytes.length, offset);
    const end = bytes.indexOf(0);
    return { kind: 'binary', path: bytes.toString('utf8', 0, end === -1 ? length : end) };
  }
  return null;
}

/** What execvp(3) searches where the child has no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin';

/** What the failed start was asked to do. */
export interface Attempt {
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * Why a start failed, from the error of spawn(2). The system says ENOENT for a missing command, a missing folder and a missing
 * interpreter alike, and EACCES for as many things: what lies on the disk tells them apart.
 */
export function explainFailure(attempt: Attempt, error: NodeJS.ErrnoException): SpawnFailure {
  const { code } = error;
  if (attempt.command[0] === '') return { kind: 'command-missing', why: 'the command is empty' };
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'EPERM' || code === 'ELOOP')
    return explainCwd(attempt.cwd) ?? explainFile(attempt, code);
  if (code === 'ENOEXEC' || code === 'EISDIR' || code === 'ETXTBSY' || code === 'ELIBBAD')
    return { kind: 'not-executable', why: `${name(attempt)} cannot be executed (${code})` };
  return { kind: 'other', why: `${name(attempt)} could not be started: ${otherWhy(error)}` };
}

/** e_machine of what each architecture runs by itself, 32-bit programs included. Source: elf(5). */
const MACHINES: Readonly<Record<string, readonly number[]>> = { x64: [62, 3], arm64: [183, 40] };

/**
 * Why a program cannot run here that was built for another machine; null if it was not, or where that cannot be told. The kernel says
 * ENOEXEC, upon which execvp(3) hands the file to a shell as if it were a script, and what the shell then says of it is nonsense.
 */
export function foreignBinary(attempt: Attempt): SpawnFailure | null {
  const own = process.platform === 'linux' ? MACHINES[process.arch] : undefined;
  const file = attempt.command[0] ?? '';
  const path = (file.includes('/') ? [resolve(attempt.cwd, file)] : searched(attempt, file)).find(mayExecute);
  if (own === undefined || path === undefined || hasEmulators()) return null;
  const machine = machineOf(path);
  // What the system's shell is runs here, though we ourselves may be run by an emulator, which answers for another machine.
  if (machine === null || own.includes(machine) || machine === machineOf('/bin/sh')) return null;
  return {
    kind: 'not-executable',
    why: `${path} was built for another architecture than this machine (${process.arch})`,
  };
}

/** Somebody taught the kernel to run foreign programs: then it knows better which. */
function hasEmulators(): boolean {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').some(name => name !== 'register' && name !== 'status');
  } catch {
    // Not mounted, or not to be seen.
    return false;
  }
}

function machineOf(path: string): number | null {
  try {
    const fd = openRegularSync(path);
    try {
      const head = Buffer.alloc(20);
      const isElf = readSync(fd, head) === head.length && head.toString('latin1', 0, 4) === '\x7fELF' && head[5] === 1;
      return isElf ? head.readUInt16LE(18) : null;
    } finally {
      closeSync(fd);
    }
  } catch {
    // Not there, or not readable: the kernel will say what is wrong.
    return null;
  }
}

function otherWhy({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'E2BIG') return 'arguments and environment together are too long (E2BIG)';
  if (code === 'EAGAIN') return 'the limit of processes is reached (EAGAIN)';
  if (code === 'ENOMEM') return 'there is not enough memory (ENOMEM)';
  if (code === 'EMFILE' || code === 'ENFILE') return `too many open files (${code})`;
  return message;
}

function explainCwd(cwd: string): SpawnFailure | null {
  try {
    if (!statSync(cwd).isDirectory())
      return { kind: 'cwd-missing', why: `the working directory ${cwd} is not a directory` };
    accessSync(cwd, constants.X_OK);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === 'EACCES' ? 'cannot be entered' : 'does not exist';
    return { kind: 'cwd-missing', why: `the working directory ${cwd} ${what}` };
  }
}

function explainFile(attempt: Attempt, code: string): SpawnFailure {
  const file = attempt.command[0] ?? '';
  const candidates = file.includes('/') ? [resolve(attempt.cwd, file)] : searched(attempt, file);
  let found: string | null = null;
  for (const path of candidates) {
    const stats = look(path);
    if (stats === null) continue;
    found ??= path;
    if (stats.isFile() && mayExecute(path)) return explainExecutable(path, code);
  }
  if (found !== null) {
    return {
      kind: 'not-executable',
      why: `${found} is ${look(found)?.isDirectory() ? 'a directory' : 'not executable'}`,
    };
  }
  return missing(attempt, file);
}

function missing(attempt: Attempt, file: string): SpawnFailure {
  if (file.includes('/')) return { kind: 'command-missing', why: `${resolve(attempt.cwd, file)} does not exist` };
  const { PATH } = attempt.env;
  const where = PATH === undefined ? `no PATH is set, searched was ${DEFAULT_PATH}` : `searched PATH ${PATH}`;
  return { kind: 'command-missing', why: `${file} was not found; ${where}` };
}

// The file is there and may be executed: then it is what runs it that is missing or may not be executed.
function explainExecutable(path: string, code: string): SpawnFailure {
  const loader = loaderOf(path);
  if (loader === null) return { kind: 'not-executable', why: `${path} may not be executed here (${code})` };
  const shown = JSON.stringify(loader.path);
  const role = loader.kind === 'script' ? 'interpreter' : 'loader';
  const stats = look(loader.path);
  if (stats === null) return { kind: 'interpreter-missing', why: `the ${role} ${shown} of ${path} does not exist` };
  if (!mayExecute(loader.path) || !stats.isFile())
    return { kind: 'not-executable', why: `the ${role} ${shown} of ${path} is not executable` };
  if (loader.kind === 'script') return explainExecutable(loader.path, code);
  return { kind: 'not-executable', why: `${path} may not be executed here (${code})` };
}

function searched({ env, cwd }: Attempt, file: string): string[] {
  return (env['PATH'] ?? DEFAULT_PATH).split(delimiter).map(folder => {
    const path = join(folder === '' ? '.' : folder, file);
    return isAbsolute(path) ? path : resolve(cwd, path);
  });
}

function look(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    // Behind a folder that may not be entered, or a loop of links: for the command it is not there.
    return null;
  }
}

function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // EACCES is the answer, and so is anything else.
    return false;
  }
}

function name(attempt: Attempt): string {
  return attempt.command[0] ?? 'the command';
}
