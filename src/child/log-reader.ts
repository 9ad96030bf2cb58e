import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { openRegularSync } from '../host/read-file.ts';

/** Reads a rotated log from outside its writer, which may rotate at any moment. */
export interface LogReader {
  /** The end of the log: the last `count` lines, over as many files as they fill. An unfinished last line counts as one. */
  lastLines(count: number): Buffer;
  /** What came since the last call, in order, over any number of rotations. Empty if nothing did. */
  news(): Buffer;
  /** Whether files were rotated away before they could be read: since when something is missing. */
  readonly missed: boolean;
  close(): void;
}

interface OpenFile {
  fd: number;
  inode: number;
}

const BLOCK_BYTES = 64 * 1024;
/** As many files as anybody keeps. */
const MOST_FILES = 1000;

/**
 * Opens the log at `path`; `news` goes on behind what `lastLines` gave. A file being read is held open, so that its
 * rest is read even after it was rotated or removed.
 */
export function openLogReader(path: string): LogReader {
  const nameOf = (index: number) => (index === 0 ? path : `${path}.${index}`);
  // Just rotated, and not begun anew: the last one is what is read.
  let current: OpenFile | null = openFile(path) ?? openFile(nameOf(1));
  let offset = 0;
  let missed = false;

  function rest(): Buffer {
    if (current === null) return Buffer.alloc(0);
    const bytes = readFrom(current.fd, offset);
    offset += bytes.length;
    return bytes;
  }

  /** The files that came after the one being read, oldest first. */
  function successors(): OpenFile[] {
    const newer: OpenFile[] = [];
    for (let index = 0; index < MOST_FILES; index++) {
      const file = openFile(nameOf(index));
      if (file !== null && file.inode === current?.inode) {
        closeSync(file.fd);
        return newer.reverse();
      }
      if (file === null && index > 0) break;
      if (file !== null) newer.push(file);
    }
    // The one we read is gone altogether: with nothing before it to tell, all that is there is new.
    missed ||= current !== null;
    return newer.reverse();
  }

  function next(file: OpenFile): void {
    if (current !== null) closeSync(current.fd);
    [current, offset] = [file, 0];
  }

  return {
    lastLines(count) {
      const parts: Buffer[] = [];
      let lines = 0;
      if (current !== null) offset = fstatSync(current.fd).size;
      for (let index = 0; index < MOST_FILES && lines <= count; index++) {
        const bytes =
          index === 0
            ? current === null
              ? null
              : tailOf(current.fd, offset, count)
            : tailOfPath(nameOf(index), count, current?.inode);
        if (bytes === null) {
          if (index > 0) break;
          continue;
        }
        parts.unshift(bytes);
        lines += countLines(bytes);
      }
      return cutLines(Buffer.concat(parts), count);
    },
    news() {
      const parts = [rest()];
      if (statSync(path, { throwIfNoEntry: false })?.ino !== current?.inode) {
        const files = successors();
        // Whatever the writer added to the former file between our read and its rotation.
        parts.push(rest());
        for (const file of files) {
          next(file);
          parts.push(rest());
        }
      }
      return Buffer.concat(parts);
    },
    get missed() {
      return missed;
    },
    close() {
      if (current !== null) closeSync(current.fd);
    },
  };
}

function openFile(path: string): OpenFile | null {
  try {
    const fd = openRegularSync(path);
    return { fd, inode: fstatSync(fd).ino };
  } catch {
    // Not written yet, or just being renamed: the next look finds it.
    return null;
  }
}

function readFrom(fd: number, start: number): Buffer {
  const parts: Buffer[] = [];
  for (let position = start; ; ) {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    const got = readSync(fd, block, 0, block.length, position);
    if (got === 0) return Buffer.concat(parts);
    parts.push(block.subarray(0, got));
    position += got;
  }
}

/** Empty if it is the file that is read already, rotated meanwhile. */
function tailOfPath(path: string, count: number, except: number | undefined): Buffer | null {
  const file = openFile(path);
  if (file === null) return null;
  try {
    if (file.inode === except) return Buffer.alloc(0);
    return tailOf(file.fd, fstatSync(file.fd).size, count);
  } finally {
    closeSync(file.fd);
  }
}

/** The end of a file up to `end`, at least `count` lines of it if it has as many; read backwards in blocks. */
function tailOf(fd: number, end: number, count: number): Buffer {
  const parts: Buffer[] = [];
  let lines = 0;
  for (let start = end; start > 0 && lines <= count; ) {
    const from = Math.max(0, start - BLOCK_BYTES);
    const block = Buffer.alloc(start - from);
    readSync(fd, block, 0, block.length, from);
    parts.unshift(block);
    lines += countLines(block);
    start = from;
  }
  return Buffer.concat(parts);
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines++;
  return lines;
}

function cutLines(bytes: Buffer, count: number): Buffer {
  if (count === 0) return Buffer.alloc(0);
  // The last line's own end does not begin another line.
  let at = bytes.length - (bytes.at(-1) === 0x0a ? 1 : 0);
  for (let lines = 0; lines < count; lines++) {
    at = at <= 0 ? -1 : bytes.lastIndexOf(0x0a, at - 1);
    if (at === -1) return bytes;
  }
  return bytes.subarray(at + 1);
}
