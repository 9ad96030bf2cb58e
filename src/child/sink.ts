import { closeSync, constants, fstatSync, openSync, type Stats, write as writeFile, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { isatty, WriteStream } from 'node:tty';
import { libc } from '../host/libc.ts';
import { type BlockQueue, createBlockQueue, createProgress } from './block-queue.ts';
import { PIPE_BYTES } from './reader.ts';

/**
 * A sink over a regular file or an unknown device, through the thread pool: a hung disk holds one thread, never the loop. One
 * write at a time keeps the order, and no position is given, so that the offset shared with our caller moves on.
 */
function createFileSink(fd: number): Sink {
  const queue = createBlockQueue();
  const progress = createProgress();
  let lost = 0;

  function next(): void {
    const block = queue.head();
    if (block === null) return;
    writeFile(fd, block, 0, block.length, null, (error, written) => {
      // ENOSPC, EDQUOT, EIO: the child itself would have lost this write, and would not have waited for room.
      if (error !== null) lost += block.length;
      queue.take(error === null ? written : block.length);
      progress.fire();
      next();
    });
  }

  return {
    write(bytes) {
      if (bytes.length === 0) return;
      const idle = queue.bytes === 0;
      queue.push(bytes);
      if (idle) next();
    },
    get waitingBytes() {
      return queue.bytes;
    },
    pass: () => null,
    gone: false,
    get lostBytes() {
      return lost;
    },
    onProgress: progress.listen,
  };
}

/**
 * A sink over a pipe, socket or terminal that does not block: write(2) at once while it takes all, and a queue behind an event
 * of the loop from the first byte it does not take.
 */
function createStreamSink(fd: number, kind: { shared: boolean; terminal: boolean; pipe: boolean }): Sink {
  const queue = createBlockQueue();
  const progress = createProgress();
  let gone = false;
  let enlarged = false;

  function left(bytes: number | 'gone'): void {
    if (bytes === 'gone') {
      gone = true;
      queue.clear();
    } else queue.take(bytes);
    progress.fire();
  }

  const pump = kind.terminal ? terminalPump(fd, queue, left) : socketPump(fd, queue, left);
  // Only through Node's own handle can a shared descriptor be made non-blocking, and put back when we exit.
  if (kind.shared) pump.prepare();

  function write(bytes: Buffer): void {
    if (gone || bytes.length === 0) return;
    const written = queue.bytes === 0 ? tryWrite(fd, bytes) : 0;
    if (written === bytes.length) return;
    // The descriptor stays open: one that leads nowhere costs nothing.
    if (written === 'gone') return left('gone');
    const idle = queue.bytes === 0;
    queue.push(bytes.subarray(written));
    if (idle) pump.start();
  }

  // By tee(2). A pipe of the usual 64 KiB would make its reader and us wait for each other four times as often.
  function pass(pipeFd: number): number | null {
    const calls = kind.pipe ? libc() : null;
    if (calls === null || gone) return null;
    try {
      if (!enlarged) {
        enlarged = true;
        calls.enlargePipe(fd, PIPE_BYTES);
      }
      const passed = queue.bytes > 0 ? 0 : calls.tee(pipeFd, fd, PIPE_BYTES);
      if (passed === 0) calls.awaitRoom(fd, ROOM_WAIT_MS);
      return passed;
    } catch {
      // EPIPE: the next write says so. EPERM: this user's pipes hold as much as they may in all.
      return null;
    }
  }

  return {
    write,
    pass,
    get waitingBytes() {
      return queue.bytes;
    },
    get gone() {
      return gone;
    },
    lostBytes: 0,
    onProgress: progress.listen,
  };
}

/** The loop is kept for no longer than this; the caller tries again. */
const ROOM_WAIT_MS = 1;

/** Bytes the kernel took now, or that it never will: EPIPE, a terminal that hung up (EIO), a reset socket. */
function tryWrite(fd: number, bytes: Buffer): number | 'gone' {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : 'gone';
  }
}

/** Empties the queue as fast as the reader takes it. Started whenever something waits that did not before. */
interface Pump {
  prepare(): void;
  start(): void;
}

function socketPump(fd: number, queue: BlockQueue, left: (bytes: number | 'gone') => void): Pump {
  let socket: Socket | null = null;
  function prepare(): Socket {
    if (socket === null) {
      socket = new Socket({ fd, readable: false, writable: true });
      socket.on('error', () => left('gone'));
    }
    return socket;
  }
  // One write at a time: the block is libuv's until all of it has left.
  function start(): void {
    const block = queue.head();
    if (block === null) return;
    prepare().write(block, error => {
      if (error) return;
      left(block.length);
      start();
    });
  }
  return { prepare, start };
}

const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

// libuv would open a terminal by its name once more and make it blocking. It is read by a person or a terminal emulator, so asking
// again after a moment costs neither of them anything.
function terminalPump(fd: number, queue: BlockQueue, left: (bytes: number | 'gone') => void): Pump {
  let waitMs = FIRST_WAIT_MS;
  const start = () => {
    setTimeout(attempt, waitMs);
  };
  function attempt(): void {
    let taken = 0;
    for (let block = queue.head(); block !== null; block = queue.head()) {
      const written = tryWrite(fd, block);
      if (written !== 0) left(written);
      if (written === 'gone') return;
      taken += written;
      if (written < block.length) {
        waitMs = taken > 0 ? FIRST_WAIT_MS : Math.min(LONGEST_WAIT_MS, waitMs * 2);
        return start();
      }
    }
    waitMs = FIRST_WAIT_MS;
  }
  return {
    prepare() {
      // No public call makes a terminal non-blocking; Node's own stdout is made blocking by the same one.
      const stream = new WriteStream(fd) as WriteStream & { _handle?: { setBlocking(blocking: boolean): void } };
      stream._handle?.setBlocking(false);
    },
    start,
  };
}

/** Where bytes leave the watcher: its stdout or stderr. Nothing here ever waits. */
export interface Sink {
  /** Takes all the bytes; what cannot leave now is copied and waits. The caller may reuse the buffer. */
  write(bytes: Buffer): void;
  /**
   * Hands on the first bytes that a pipe holds, without copying them. They stay in the pipe: the caller reads them, and does not write
   * them. Returns how many; 0: there is no room now; null: write them.
   */
  pass(pipeFd: number): number | null;
  /** Bytes that wait for the reader. */
  readonly waitingBytes: number;
  /** The reader is gone, for good: what is written is thrown away. */
  readonly gone: boolean;
  /** Bytes a full or failing disk did not take. */
  readonly lostBytes: number;
  /** Called whenever waiting bytes have left, or can never leave. Returns how to stop that. */
  onProgress(listener: () => void): () => void;
}

/** Our two outputs, and whether they are one and the same file: then one sink serves both, which keeps their order. */
export interface Outputs {
  stdout: Sink;
  stderr: Sink;
  same: boolean;
}

/** Opens sinks over descriptors 1 and 2, and puts them in the place of process.stdout and process.stderr. Once, before all else. */
export function openOutputs(): Outputs {
  const [out, err] = [fstatSync(1), fstatSync(2)];
  const same = out.dev === err.dev && out.ino === err.ino && out.rdev === err.rdev;
  const stdout = openSink(1, out);
  const stderr = same ? stdout : openSink(2, err);
  replaceStream('stdout', 1, stdout);
  replaceStream('stderr', 2, stderr);
  return { stdout, stderr, same };
}

// The first look at Node's own makes the descriptor non-blocking for all who share it, and Node itself looks at process.stderr
// whenever a socket is closed.
function replaceStream(name: 'stdout' | 'stderr', fd: number, sink: Sink): void {
  const isTTY = isatty(fd);
  const make = () => {
    const stream = new Writable({
      write(bytes, _encoding, done) {
        sink.write(bytes);
        done();
      },
    });
    return Object.assign(stream, { fd, isTTY });
  };
  let stream: ReturnType<typeof make> | null = null;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get() {
      stream ??= make();
      return stream;
    },
  });
}

/**
 * A line of the watcher's own, behind what waits already. Returns false, and drops it, where a reader has stalled for so long
 * that our own lines alone would make the queue grow.
 */
export function say(sink: Sink, line: Buffer): boolean {
  if (sink.waitingBytes > OWN_LINES_END_AT) return false;
  sink.write(line);
  return true;
}

const OWN_LINES_END_AT = 1024 * 1024 + 128 * 1024;

const NULL_DEVICE = 0x103;

/**
 * A sink over an inherited descriptor, whose flags are never changed where that can be avoided: they belong to an open file
 * that our caller shares and would find non-blocking after a kill -9. A pipe or terminal is opened once more, for ourselves.
 */
function openSink(fd: number, stats: Stats = fstatSync(fd)): Sink {
  const terminal = isatty(fd);
  if (stats.isFIFO() || terminal) {
    const own = reopen(fd, terminal);
    if (own === 'gone') return discard(true);
    return createStreamSink(own ?? fd, { shared: own === null, terminal, pipe: !terminal });
  }
  // A socket (journald) cannot be opened again. Node puts its flags back at exit, though not at kill -9.
  if (stats.isSocket()) return createStreamSink(fd, { shared: true, terminal: false, pipe: false });
  if (stats.isCharacterDevice() && stats.rdev === NULL_DEVICE) return discard(false);
  // A regular file is not opened again: its offset is shared, and the next writer goes on where we end.
  return createFileSink(fd);
}

function reopen(fd: number, terminal: boolean): number | null | 'gone' {
  if (process.platform !== 'linux') return null;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    const own = openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    if (isatty(own) === terminal) return own;
    closeSync(own);
    return null;
  } catch (error) {
    // ENXIO: a pipe without reader. EIO: a terminal that hung up. EACCES: another user's pipe or terminal (sudo, su).
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENXIO' || code === 'EIO' ? 'gone' : null;
  }
}

function discard(gone: boolean): Sink {
  return { write() {}, pass: () => null, waitingBytes: 0, gone, lostBytes: 0, onProgress: () => () => {} };
}
