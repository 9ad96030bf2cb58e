import { closeSync, openSync, readSync } from 'node:fs';

/** What the kernel starts in order to run a file: the interpreter of a script's first line, or a binary's dynamic loader. */
export interface Loader {
  kind: 'script' | 'binary';
  path: string;
}

/** The loader that a file names, or null where it names none or cannot be read. */
export function loaderOf(path: string): Loader | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
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
