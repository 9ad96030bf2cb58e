import { closeSync, existsSync, fstatSync, readFileSync, readSync } from 'node:fs';
import { openRegularSync } from '../host/read-file.ts';
import { type Arrival, decodeIndex, indexPath } from './log-index.ts';

/** A line of a log with its arrival. */
export interface TimedLine {
  /** Wall ms; of a log without an index, when its file was changed last. */
  readonly at: number;
  /** 0: not known. */
  readonly run: number;
  /** Without its line end. */
  readonly bytes: Buffer;
}

/** Where a reader has got to: what is behind it is new. */
export interface LogCursor {
  readonly inode: number;
  readonly offset: number;
}

interface LogFile {
  readonly fd: number;
  readonly inode: number;
  readonly size: number;
  readonly changedAt: number;
  readonly arrivals: readonly Arrival[];
}

const BLOCK_BYTES = 64 * 1024;
/** As many files as anybody keeps. */
const MOST_FILES = 1000;
const LINE_END = 0x0a;

/**
 * The lines of a log, the newest first, over all its files. An unfinished last line is one too. Stop it when enough was seen.
 * @param upTo begins there instead of at the end
 */
export function* linesFromEnd(path: string, upTo: LogCursor | null = null): Generator<TimedLine> {
  let begun = upTo === null;
  for (const file of filesOf(path)) {
    try {
      const isFirst = !begun && file.inode === upTo?.inode;
      begun ||= isFirst;
      if (begun) yield* backwards(isFirst ? { ...file, size: upTo?.offset ?? 0 } : file);
    } finally {
      closeSync(file.fd);
    }
  }
}

/** The position behind the last whole line, to go on from with `linesAfter`. */
export function endOfLog(path: string): LogCursor {
  for (const file of filesOf(path)) {
    const end = endOfLines(file, file.size);
    closeSync(file.fd);
    return { inode: file.inode, offset: end };
  }
  return { inode: 0, offset: 0 };
}

/** Whole lines that came after the cursor, oldest first, and the new cursor. */
export function linesAfter(path: string, cursor: LogCursor): { lines: TimedLine[]; cursor: LogCursor } {
  const newer: LogFile[] = [];
  for (const file of filesOf(path)) {
    newer.unshift(file);
    // Files before it were read already; one that is gone altogether means that all there is is new.
    if (file.inode === cursor.inode) break;
  }
  const lines: TimedLine[] = [];
  let reached = cursor;
  for (const [index, file] of newer.entries()) {
    const from = file.inode === cursor.inode ? Math.min(cursor.offset, file.size) : 0;
    // A file that has been rotated away gets no more: its last line is whole as it is.
    const end = index < newer.length - 1 ? file.size : endOfLines(file, file.size);
    if (end > from) lines.push(...linesOf(file, readRange(file.fd, from, end), from));
    reached = { inode: file.inode, offset: Math.max(from, end) };
    closeSync(file.fd);
  }
  return { lines, cursor: reached };
}

/** Newest first. The one who takes a file closes it. */
function* filesOf(path: string): Generator<LogFile> {
  const indexes = new Map<number, readonly Arrival[]>();
  for (let number = 0; number < MOST_FILES; number++) {
    const name = number === 0 ? path : `${path}.${number}`;
    // To be told by an exception takes ten times as long.
    if (number > 0 && !existsSync(name)) return;
    const file = openLogFile(name, indexes);
    if (file !== null) yield file;
    else if (number > 0) return;
  }
}

function openLogFile(path: string, indexes: Map<number, readonly Arrival[]>): LogFile | null {
  try {
    const fd = openRegularSync(path);
    const { ino: inode, size, mtimeMs: changedAt } = fstatSync(fd);
    readIndexes(path, indexes);
    return { fd, inode, size, changedAt, arrivals: indexes.get(inode) ?? [] };
  } catch {
    // Not written yet, or just being renamed.
    return null;
  }
}

/** The index beside a file is of that file, unless a rotation was cut short. */
function readIndexes(path: string, indexes: Map<number, readonly Arrival[]>): void {
  try {
    const { inode, arrivals } = decodeIndex(indexBytes(indexPath(path)));
    if (inode !== null) indexes.set(inode, arrivals);
  } catch {
    // No index: an older log, or a disk that took none.
  }
}

function indexBytes(path: string): Buffer {
  const fd = openRegularSync(path);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function* backwards(file: LogFile): Generator<TimedLine> {
  let rest: Buffer = Buffer.alloc(0);
  let start = file.size;
  while (start > 0) {
    const from = Math.max(0, start - BLOCK_BYTES);
    rest = Buffer.concat([readRange(file.fd, from, start), rest]);
    start = from;
    // What is before the first line end may begin in an earlier block.
    const cut = start === 0 ? 0 : rest.indexOf(LINE_END) + 1;
    if (start > 0 && cut === 0) continue;
    yield* linesOf(file, rest.subarray(cut), start + cut).reverse();
    rest = rest.subarray(0, cut);
  }
}

function linesOf(file: LogFile, bytes: Buffer, from: number): TimedLine[] {
  const lines: TimedLine[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LINE_END, at);
    const stop = end === -1 ? bytes.length : end;
    lines.push({ ...arrivalAt(file, from + at), bytes: bytes.subarray(at, stop) });
    at = stop + 1;
  }
  return lines;
}

/** By bisection: the last stretch that begins at or before the offset. */
function arrivalAt({ arrivals, changedAt }: LogFile, offset: number): { at: number; run: number } {
  let [low, high] = [0, arrivals.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((arrivals[middle]?.offset ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  const found = arrivals[low - 1];
  return found === undefined ? { at: changedAt, run: 0 } : { at: found.at, run: found.run };
}

/** The offset behind the last line end before `size`. */
function endOfLines({ fd }: LogFile, size: number): number {
  for (let start = size; start > 0; ) {
    const from = Math.max(0, start - BLOCK_BYTES);
    const end = readRange(fd, from, start).lastIndexOf(LINE_END);
    if (end !== -1) return from + end + 1;
    start = from;
  }
  return 0;
}

function readRange(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(to - from);
  let done = 0;
  while (done < bytes.length) {
    const got = readSync(fd, bytes, done, bytes.length - done, from + done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}
