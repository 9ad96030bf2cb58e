import { readSync } from 'node:fs';
import { Socket } from 'node:net';

/** Reads what the runs write into a pipe. */
export interface Reader {
  pause(): void;
  resume(): void;
  /** Reads at once what is in the pipe, at most about `maxBytes` of it. Returns how much it was. */
  drain(maxBytes: number): number;
  /** The same, but throws it away. */
  discard(maxBytes: number): number;
  close(): void;
}

/** The size of one read, and of a pipe as Linux makes it. */
export const PIPE_BYTES = 65_536;

/** Reads a non-blocking descriptor, which it owns from here on. The bytes given to `take` are valid only during the call. */
export function createReader(readFd: number, take: (bytes: Buffer) => void): Reader {
  const block = Buffer.allocUnsafeSlow(PIPE_BYTES);
  const flood = createFlood();
  let paused = false;

  // While the child writes much in small pieces, waking up for each costs it and us more than the bytes do. So we read on without
  // going back to the loop, and let the pipe fill a little before each time: the child does not wait before it is full.
  function readFlood(): void {
    const end = performance.now() + FLOOD_LIMIT_MS;
    while (!paused && performance.now() < end) {
      flood.nap();
      const bytes = readNow(readFd, block);
      flood.got(bytes);
      if (bytes === 0) return;
      take(block.subarray(0, bytes));
    }
  }

  const socket = new Socket({
    fd: readFd,
    readable: true,
    writable: false,
    onread: {
      buffer: block,
      callback(bytes) {
        const flooded = flood.begins(bytes);
        take(block.subarray(0, bytes));
        if (flooded) readFlood();
        flood.done();
        return !paused;
      },
    },
  });
  socket.on('error', () => {
    // Not seen on a pipe whose other end is ours; a reader that ended would show as silence.
  });
  socket.resume();

  function readAll(maxBytes: number, use: (bytes: Buffer) => void): number {
    let total = 0;
    while (total < maxBytes) {
      const bytes = readNow(readFd, block);
      if (bytes === 0) break;
      total += bytes;
      use(block.subarray(0, bytes));
    }
    return total;
  }

  return {
    pause() {
      paused = true;
      socket.pause();
    },
    resume() {
      paused = false;
      socket.resume();
    },
    drain: maxBytes => readAll(maxBytes, take),
    discard: maxBytes => readAll(maxBytes, () => {}),
    close() {
      socket.destroy();
    },
  };
}

/** The loop is kept from signals and timers for no longer than this. */
const FLOOD_LIMIT_MS = 3;
/** A read this soon after the last one, and not of a whole pipe, is one of many. */
const QUICK_MS = 0.3;
const QUICK_READS = 4;
const SHORTEST_NAP_MS = 0.02;
const LONGEST_NAP_MS = 0.4;
const nobodyWakesUs = new Int32Array(new SharedArrayBuffer(4));

// Sleeps that leave the pipe about half full. Timers of the loop are of whole milliseconds, in which a pipe fills many times.
function createFlood() {
  let doneAt = 0;
  let quickReads = 0;
  let napMs = 0.1;
  return {
    begins(bytes: number): boolean {
      quickReads = bytes < PIPE_BYTES && performance.now() - doneAt < QUICK_MS ? quickReads + 1 : 0;
      return quickReads > QUICK_READS;
    },
    nap(): void {
      Atomics.wait(nobodyWakesUs, 0, 0, napMs);
    },
    got(bytes: number): void {
      if (bytes === 0) quickReads = 0;
      else if (bytes > 0.75 * PIPE_BYTES) napMs = Math.max(SHORTEST_NAP_MS, napMs / 2);
      else if (bytes < 0.4 * PIPE_BYTES) napMs = Math.min(LONGEST_NAP_MS, napMs * 1.5);
    },
    done(): void {
      doneAt = performance.now();
    },
  };
}

function readNow(fd: number, block: Buffer): number {
  try {
    return readSync(fd, block);
  } catch {
    // EAGAIN: empty. EBADF: closed already.
    return 0;
  }
}
