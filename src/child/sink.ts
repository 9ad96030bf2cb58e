import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { createFileSink } from './file-sink.ts';
import { createStreamSink } from './stream-sink.ts';

/** Where bytes leave the watcher: its stdout or stderr. Nothing here ever waits. */
export interface Sink {
  /** Takes all the bytes; what cannot leave now is copied and waits. The caller may reuse the buffer. */
  write(bytes: Buffer): void;
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
 * that lines of ours alone would make the queue grow.
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
    return createStreamSink(own ?? fd, { shared: own === null, terminal });
  }
  // A socket (journald) cannot be opened again. Node puts its flags back at exit, though not at kill -9.
  if (stats.isSocket()) return createStreamSink(fd, { shared: true, terminal: false });
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
    // ENXIO: a pipe without reader. EIO: a terminal that hung up. EACCES: somebody else's pipe or terminal (sudo, su).
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENXIO' || code === 'EIO' ? 'gone' : null;
  }
}

function discard(gone: boolean): Sink {
  return { write() {}, waitingBytes: 0, gone, lostBytes: 0, onProgress: () => () => {} };
}
