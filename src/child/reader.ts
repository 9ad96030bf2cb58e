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
  let paused = false;
  const socket = new Socket({
    fd: readFd,
    readable: true,
    writable: false,
    onread: {
      buffer: block,
      callback(bytes) {
        take(block.subarray(0, bytes));
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
