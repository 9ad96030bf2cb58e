import { constants, promises as files } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { atMost, monoNow } from '../host/clock.ts';
import { openRegular, reasonOf } from '../host/read-file.ts';
import { createLogIndex, indexPath } from './log-index.ts';

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** Where a log lies and how large it may become: `keep` rotated files beside the one that is written. */
export interface LogSpec {
  /** The path of the newest file, asked for each time since its folder may be made anew; the rotated ones end in .1 (the youngest) to .keep. */
  readonly path: string;
  maxBytes: number;
  keep: number;
  /** Makes the folder again if it is gone; returns why that fails, or null. */
  ensureFolder(): string | null;
  /** A line for people: the disk takes no more, or takes it again. */
  say(text: string): void;
  /** Told the whole sum at most once a second while it grows. */
  onDropped(bytes: number): void;
}

/** The copy of the child's output on disk. It never waits for the disk: what the disk does not take in time is dropped and counted. */
export interface Log {
  write(bytes: Buffer): void;
  /** What is written from now on is of this run. */
  startRun(run: number): void;
  readonly droppedBytes: number;
  /** Resolves when the disk has what was written by now, or after that long. */
  settle(timeoutMs: number): Promise<void>;
  /** Writes what is left, for at most `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** So much may wait for the disk. */
const WAITING_LIMIT_BYTES = 4 * 1024 * 1024;
const FIRST_BUFFER_BYTES = 16 * 1024;
/** A disk that failed is tried again, and the file's place looked at, this often. */
const LOOK_EVERY_MS = 1000;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

/** Opens nothing before the first output. */
export function createLog(spec: LogSpec): Log {
  let filling = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
  let spare = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
  let filled = 0;
  let marks: Mark[] = [];
  let pumping: Promise<void> | null = null;
  const dropped = countDrops(spec.onDropped);
  const file = createLogFile(spec, bytes => dropped.add(bytes));

  async function pump(): Promise<void> {
    while (filled > 0) {
      const full = filling.subarray(0, filled);
      const arrived = marks;
      [filling, spare, filled, marks] = [spare, filling, 0, []];
      await file.write(full, arrived);
    }
    pumping = null;
  }

  /** Twice as large as long as needed: an idle watcher keeps a small buffer. */
  function grow(needed: number): void {
    let size = filling.length;
    while (size < needed && size < WAITING_LIMIT_BYTES) size *= 2;
    if (size === filling.length) return;
    const larger = Buffer.allocUnsafeSlow(size);
    filling.copy(larger, 0, 0, filled);
    filling = larger;
  }

  /** Bytes that come within a millisecond are of one moment. */
  function mark(run: number | null): void {
    const at = Date.now();
    const before = marks.at(-1);
    if (run === null && before?.at === at && before.run === null) return;
    marks.push({ offset: filled, at, run });
  }

  return {
    startRun: run => mark(run),
    write(bytes) {
      mark(null);
      grow(filled + bytes.length);
      const taken = bytes.copy(filling, filled);
      filled += taken;
      if (taken < bytes.length) dropped.add(bytes.length - taken);
      pumping ??= pump();
    },
    get droppedBytes() {
      return dropped.total();
    },
    settle: timeoutMs => atMost(timeoutMs, pumping ?? Promise.resolve()),
    async close(timeoutMs) {
      const written = (pumping ?? Promise.resolve()).then(() => file.close());
      await atMost(timeoutMs, written);
      dropped.close();
    },
  };
}

/** From this offset of a buffer on bytes arrived at that wall time; `run`: a run began there. */
interface Mark {
  offset: number;
  at: number;
  run: number | null;
}

/** The newest file, opened when needed, rotated before it would grow too large. */
function createLogFile(spec: LogSpec, drop: (bytes: number) => void) {
  let handle: FileHandle | null = null;
  let size = 0;
  let inode = 0;
  let lookAt = 0;
  let failed = false;
  const index = createLogIndex();
  /** What would be lost if the file turned out to have been removed. */
  let sinceLook = 0;

  /** Removed under us, with its folder or without: what was written went nowhere. */
  async function look(): Promise<void> {
    const there = await files.stat(spec.path).catch(() => null);
    if (there?.ino !== inode) {
      drop(sinceLook);
      await close();
    }
    [sinceLook, lookAt] = [0, monoNow() + LOOK_EVERY_MS];
  }

  async function ready(): Promise<FileHandle> {
    if (handle !== null && monoNow() >= lookAt) await look();
    if (handle !== null) return handle;
    const gone = spec.ensureFolder();
    if (gone !== null) throw new Error(gone);
    handle = await openRegular(spec.path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    const stats = await handle.stat();
    [size, inode, lookAt] = [stats.size, stats.ino, monoNow() + LOOK_EVERY_MS];
    await index.open(spec.path, inode, size);
    return handle;
  }

  async function rotate(): Promise<void> {
    await look();
    await close();
    const old = (index: number) => (index === 0 ? spec.path : `${spec.path}.${index}`);
    // More than one where --log-keep has become smaller.
    for (let at = spec.keep; await removed(old(at)); at++) await removed(indexPath(old(at)));
    let refused: unknown = null;
    for (let at = spec.keep; at > 0; at--) {
      await files.rename(old(at - 1), old(at)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') refused = error;
      });
      await index.renamed(old(at - 1), old(at));
    }
    // Still the full file, a mount of its own or one that may only grow: written to nothing, until a later try.
    const there = await files.stat(spec.path).catch(() => null);
    if (there !== null && there.ino === inode) throw refused ?? new Error(`${spec.path} cannot be rotated`);
  }

  async function close(): Promise<void> {
    await handle?.close().catch(ifThere);
    handle = null;
    await index.close();
  }

  /** Tells the index of the bytes from `start` to `end` of a buffer, which the disk has taken. */
  function noteArrivals(marks: readonly Mark[], start: number, end: number): void {
    for (const [at, mark] of marks.entries()) {
      if (mark.offset > end || (mark.offset === end && mark.run === null)) break;
      if (mark.run !== null && mark.offset >= start) index.startRun(mark.run, mark.at);
      // A run that began behind these bytes is told with the next ones.
      mark.run = mark.offset >= start ? null : mark.run;
      const bytes = Math.min(marks[at + 1]?.offset ?? end, end) - Math.max(mark.offset, start);
      if (bytes > 0) index.add(bytes, mark.at);
    }
  }

  /** Runs that began in bytes which the disk did not take: what comes later is of the last of them. */
  function noteRuns(marks: readonly Mark[]): void {
    for (const { run, at } of marks) if (run !== null) index.startRun(run, at);
  }

  async function writeOut(bytes: Buffer): Promise<number> {
    const to = await ready();
    if (size >= spec.maxBytes) {
      await rotate();
      return 0;
    }
    const cut = cutAt(bytes, spec.maxBytes - size, size === 0);
    if (cut === 0) {
      await rotate();
      return 0;
    }
    const { bytesWritten } = await to.write(bytes.subarray(0, cut));
    // A file that was cut at a line's end is full, though a part of a line would still fit.
    const full = bytesWritten === cut && cut < bytes.length;
    sinceLook += bytesWritten;
    size = full ? spec.maxBytes : size + bytesWritten;
    return bytesWritten;
  }

  return {
    async write(bytes: Buffer, marks: readonly Mark[]): Promise<void> {
      if (failed && monoNow() < lookAt) {
        noteRuns(marks);
        return drop(bytes.length);
      }
      let done = 0;
      try {
        while (done < bytes.length) {
          const taken = await writeOut(bytes.subarray(done));
          noteArrivals(marks, done, done + taken);
          done += taken;
        }
        await index.flush();
        if (failed) spec.say('the log on disk can be written again');
        failed = false;
      } catch (error) {
        if (!failed)
          spec.say(
            `the log on disk cannot be written (${reasonOf(error)}); output is still passed through, and missing bytes are counted`,
          );
        failed = true;
        noteRuns(marks);
        drop(bytes.length - done);
        await close();
        lookAt = monoNow() + LOOK_EVERY_MS;
      }
    },
    close,
  };
}

/** Where to cut what has room for `room` bytes: behind its last whole line; within a line only if a whole file has no room for it. */
function cutAt(bytes: Buffer, room: number, isEmpty: boolean): number {
  if (bytes.length <= room) return bytes.length;
  const lineEnd = bytes.lastIndexOf(0x0a, room - 1);
  return lineEnd === -1 && isEmpty ? room : lineEnd + 1;
}

async function removed(path: string): Promise<boolean> {
  return await files.unlink(path).then(
    () => true,
    () => false,
  );
}

/** A file that is not there needs no moving; every other fault shows at the next write. */
function ifThere(): void {}

function countDrops(tell: (bytes: number) => void) {
  let total = 0;
  let timer: NodeJS.Timeout | null = null;
  return {
    total: () => total,
    add(bytes: number) {
      total += bytes;
      timer ??= setTimeout(() => {
        timer = null;
        tell(total);
      }, LOOK_EVERY_MS).unref();
    },
    close() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
