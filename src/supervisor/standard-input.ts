import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { libc } from '../host/libc.ts';

/** Opens what the next run reads on its standard input; whoever asks closes it. Null: there is nothing (more). */
export type RunInput = () => number | null;

/** A pipe that ended within so much is given to each run again; what is longer, or goes on, is a stream of orders. */
const KEPT_BYTES = 1024 * 1024;
const BLOCK_BYTES = 65_536;
const { O_NONBLOCK, O_RDONLY } = constants;

/** A file that is opened anew for each run. Throws where it cannot be opened. */
export function fileInput(path: string): RunInput {
  return () => openSync(path, 'r');
}

/**
 * Our own standard input, if it is a pipe: passed on to the first run as it comes, and, once it has ended, whole to each
 * later one. Null where it is no pipe, or cannot be relayed: then the first run gets the descriptor itself.
 */
export function pipeInput(say: (text: string) => void): RunInput | null {
  const source = isPipe() ? ownSource() : null;
  if (source === null) return null;
  const whole = createKeeper();
  let told = false;
  let started = false;
  return () => {
    // Its last run has ended: what came meanwhile belongs to no run, and its end may be among it.
    if (started) whole.readNow(source);
    const bytes = started ? whole.bytes() : null;
    if (started && bytes === null) return null;
    const pipe = newPipe();
    if (pipe === null) return null;
    if (bytes === null) {
      started = true;
      relay(source, pipe.out, whole);
    } else {
      if (!told) say(`standard input ended after ${bytes.length} bytes: each run reads it again`);
      told = true;
      pipe.out.end(bytes);
    }
    return pipe.readFd;
  };
}

/** What was read so far, as long as its end may still be near. */
function createKeeper() {
  let kept: Buffer[] | null = [];
  let length = 0;
  let ended = false;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length > KEPT_BYTES) kept = null;
    kept?.push(chunk);
  };
  return {
    take,
    end() {
      ended = true;
    },
    /** Its number may soon mean another file. */
    giveUp() {
      kept = null;
    },
    /** It is too long to be given again. */
    get tooLong() {
      return kept === null;
    },
    /** All of it; null while it goes on, or if it is too long. */
    bytes: () => (ended && kept !== null ? Buffer.concat(kept) : null),
    readNow(fd: number) {
      const block = Buffer.alloc(BLOCK_BYTES);
      try {
        for (let count = -1; count !== 0 && kept !== null && !ended; ) {
          count = readSync(fd, block);
          if (count === 0) ended = true;
          else take(Buffer.from(block.subarray(0, count)));
        }
      } catch {
        // EAGAIN: nothing more at the moment. EBADF: closed, all was read.
      }
    },
  };
}

/** Passes on what comes. Reads on even if no run takes it, while the end of the input may still be near. */
function relay(source: number, out: Socket, whole: ReturnType<typeof createKeeper>): void {
  const input = new Socket({ fd: source, readable: true, writable: false });
  input.unref();
  input.on('error', () => {
    whole.giveUp();
    input.destroy();
  });
  input.on('data', (chunk: Buffer) => {
    whole.take(chunk);
    if (whole.tooLong && out.destroyed) return void input.destroy();
    if (out.destroyed || out.write(chunk)) return;
    input.pause();
    const resume = () => input.resume();
    out.once('drain', resume).once('close', resume);
  });
  input.on('end', () => {
    whole.end();
    out.end();
    input.destroy();
  });
}

function isPipe(): boolean {
  try {
    return fstatSync(0).isFIFO();
  } catch {
    // It is closed.
    return false;
  }
}

/** An open file of our own on the same pipe: the flags of the one we inherited are not ours to change. */
function ownSource(): number | null {
  if (libc() === null) return null;
  try {
    return openSync('/proc/self/fd/0', O_RDONLY | O_NONBLOCK);
  } catch {
    // No /proc, or another user's pipe.
    return null;
  }
}

/** A pipe whose reading end blocks, as a child expects; an end of the run that reads it ends the writing. */
function newPipe(): { readFd: number; out: Socket } | null {
  try {
    const pipe = libc()?.pipe();
    if (pipe === undefined) return null;
    const readFd = openSync(`/proc/self/fd/${pipe.readFd}`, 'r');
    closeSync(pipe.readFd);
    const out = new Socket({ fd: pipe.writeFd, readable: false, writable: true });
    out.unref();
    out.on('error', () => out.destroy());
    return { readFd, out };
  } catch {
    // No descriptor is left: the spawn says so.
    return null;
  }
}
