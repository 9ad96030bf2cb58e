/**
 * When the bytes of a log arrived, and in which run: a file beside each file of the log, `<log>.times`.
 *
 * A sequence of LEB128 numbers. `length > 0, change`: this many bytes more, which arrived `change` ms (zigzag) after those before
 * them. `0, offset, time, run, inode`: an anchor; from that offset of the log on, in that run, counting from that wall time. The
 * inode is the log file's, so that an index is never taken for another file's after a kill -9 in the middle of a rotation.
 */
import { constants, promises as files } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { errnoOf, openRegular } from '../host/read-file.ts';

/** The path of the index of a log file. */
export const indexPath = (log: string): string => `${log}.times`;

/** An index costs at most this share of its log; the first few kilobytes, which a disk gives anyway, are free. */
const MOST_SHARE = 0.029;
const FREE_BYTES = 4096;
const ENTRY_BYTES = 4;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** A stretch of a log: from this offset on bytes arrived at that wall time (ms), in that run; 0: not known. */
export interface Arrival {
  readonly offset: number;
  readonly at: number;
  readonly run: number;
}

/** The writing side. Nothing in it throws: a log without times is better than none. */
export interface LogIndex {
  /** The log file of this path is open, and has this inode and size. */
  open(log: string, inode: number, size: number): Promise<void>;
  /** How many bytes of the log arrived at that time. */
  add(bytes: number, at: number): void;
  /** What follows is of this run. */
  startRun(run: number, at: number): void;
  /** Writes what was added. */
  flush(): Promise<void>;
  /** The log file was given another number. */
  renamed(from: string, to: string): Promise<void>;
  close(): Promise<void>;
}

/** @param log the path of the newest file of the log */
export function createLogIndex(): LogIndex {
  let handle: FileHandle | null = null;
  let out: number[] = [];
  let written = 0;
  let inode = 0;
  let offset = 0;
  let last = 0;
  let run = 0;
  let anchored = false;
  let pending = { bytes: 0, at: 0 };

  function put(...numbers: number[]): void {
    for (const number of numbers) encode(number, out);
  }

  function anchor(at: number): void {
    put(0, offset, at, run, inode);
    [last, anchored] = [at, true];
  }

  function emit(): void {
    if (pending.bytes === 0) return;
    if (!anchored) anchor(pending.at);
    put(pending.bytes, zigzag(pending.at - last));
    last = pending.at;
    offset += pending.bytes;
    pending = { bytes: 0, at: 0 };
  }

  const affordable = () =>
    written + out.length + ENTRY_BYTES <= Math.max(FREE_BYTES, (offset + pending.bytes) * MOST_SHARE);

  async function close(): Promise<void> {
    emit();
    await flushOut();
    await handle?.close().catch(nothing);
    handle = null;
  }

  async function flushOut(): Promise<void> {
    if (handle === null) out = [];
    if (out.length === 0 || handle === null) return;
    const bytes = Buffer.from(out);
    out = [];
    written += bytes.length;
    await handle.write(bytes).catch(nothing);
  }

  return {
    async open(log, logInode, size) {
      await close();
      [inode, offset, anchored, out, written] = [logInode, size, false, [], 0];
      const path = indexPath(log);
      try {
        await moveStranger(path, log, logInode);
        handle = await files.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
        written = (await handle.stat()).size;
      } catch {
        // The log itself says that the disk takes nothing.
        handle = null;
      }
    },
    add(bytes, at) {
      if (pending.bytes > 0 && pending.at !== at && affordable()) emit();
      pending = { bytes: pending.bytes + bytes, at: pending.bytes === 0 ? at : pending.at };
    },
    startRun(number, at) {
      emit();
      run = number;
      if (handle === null) anchored = false;
      else anchor(at);
    },
    async flush() {
      if (affordable()) emit();
      await flushOut();
    },
    async renamed(from, to) {
      await files.rename(indexPath(from), indexPath(to)).catch(nothing);
    },
    close,
  };
}

function nothing(): void {
  // Not there, or a disk that takes nothing: then there are no times, which readers can live with.
}

async function headOf(path: string): Promise<Buffer | null> {
  try {
    const file = await openRegular(path, O_RDONLY | O_NOFOLLOW);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0).finally(() => file.close());
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** An index that was left by a rotation which did not come to its end belongs to the file before. */
async function moveStranger(path: string, log: string, inode: number): Promise<void> {
  const head = await headOf(path);
  const known = head === null ? null : decodeIndex(head).inode;
  if (known === null || known === inode) return;
  const before = await files.stat(`${log}.1`).catch(() => null);
  await (before?.ino === known ? files.rename(path, indexPath(`${log}.1`)) : files.unlink(path));
}

function encode(number: number, out: number[]): void {
  let rest = number;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
}

const zigzag = (value: number) => (value >= 0 ? value * 2 : -value * 2 - 1);
const unzigzag = (value: number) => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** An index as it is read: the log's inode (null if it is empty) and the arrivals by offset. Half a record at its end is left out. */
export function decodeIndex(bytes: Buffer): { inode: number | null; arrivals: Arrival[] } {
  const arrivals: Arrival[] = [];
  let inode: number | null = null;
  let at = 0;
  let [offset, time, run] = [0, 0, 0];
  const next = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  };
  for (;;) {
    const length = next();
    const fields = length === 0 ? [next(), next(), next(), next()] : [next()];
    if (Number.isNaN(length) || fields.some(Number.isNaN)) return { inode, arrivals };
    if (length === 0) {
      [offset, time, run, inode] = fields as [number, number, number, number];
      arrivals.push({ offset, at: time, run });
    } else {
      time += unzigzag(fields[0] ?? 0);
      arrivals.push({ offset, at: time, run });
      offset += length;
    }
  }
}
