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

const SMALL_READ_BYTES = 16_384;
const QUICK_MS = 0.1;
const QUICK_READS = 8;
const NAP_MS = 0.15;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Reads a non-blocking descriptor, which it owns from here on. The bytes given to `take` are valid only during the call. */
export function createReader(readFd: number, take: (bytes: Buffer) => void): Reader {
  const block = Buffer.allocUnsafeSlow(PIPE_BYTES);
  let paused = false;
  let doneAt = 0;
  let quickReads = 0;

  // Many small writes in a row: each would wake us, and cost more than it brings.
  function isHurried(bytes: number): boolean {
    quickReads = bytes < SMALL_READ_BYTES && performance.now() - doneAt < QUICK_MS ? quickReads + 1 : 0;
    return quickReads > QUICK_READS;
  }

  // The pipe goes on filling while we sleep, and the child does not wait before it is full.
  function collectMore(bytes: number): number {
    Atomics.wait(never, 0, 0, NAP_MS);
    return readNow(readFd, block.subarray(bytes));
  }

  const socket = new Socket({
    fd: readFd,
    readable: true,
    writable: false,
    onread: {
      buffer: block,
      callback(bytes) {
        const more = isHurried(bytes) ? collectMore(bytes) : 0;
        take(block.subarray(0, bytes + more));
        doneAt = performance.now();
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

function readNow(fd: number, block: Buffer): number {
  try {
    return readSync(fd, block);
  } catch {
    // EAGAIN: empty. EBADF: closed already.
    return 0;
  }
}
