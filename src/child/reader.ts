import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { monoNow } from '../host/clock.ts';

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

/**
 * The size of one read, and of our pipes. Four times what Linux gives, for fewer wake-ups. Beyond it little is
 * won, and all the pipes of an ordinary user together may hold 64 MiB.
 */
export const PIPE_BYTES = 262_144;

/** Reads a non-blocking descriptor, which it owns from here on. The bytes given to `take` are valid only during the call. */
export function createReader(readFd: number, take: (bytes: Buffer) => void): Reader {
  const block = Buffer.allocUnsafeSlow(PIPE_BYTES);
  const flood = createFlood();
  let paused = false;
  let flooded = false;

  // While the child writes much in small pieces, waking up for each costs us more than the bytes do. And a pipe that epoll watches
  // costs the writer more at every write, so then it is not watched: we look ourselves, after letting it fill a little.
  function readFlood(): void {
    const end = monoNow() + FLOOD_TURN_MS;
    while (!paused && monoNow() < end) {
      flood.nap();
      const bytes = readNow(readFd, block);
      if (bytes > 0) take(block.subarray(0, bytes));
      if (flood.isOver(bytes)) {
        flooded = false;
        if (!paused) socket.resume();
        return;
      }
    }
    if (paused) flooded = false;
    else setImmediate(readFlood);
  }

  const socket = new Socket({
    fd: readFd,
    readable: true,
    writable: false,
    onread: {
      buffer: block,
      callback(bytes) {
        take(block.subarray(0, bytes));
        if (!flooded && flood.begins(bytes)) {
          flooded = true;
          setImmediate(readFlood);
        }
        return !paused && !flooded;
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
      if (!flooded) socket.resume();
    },
    drain: maxBytes => readAll(maxBytes, take),
    discard: maxBytes => readAll(maxBytes, () => {}),
    close() {
      paused = true;
      socket.destroy();
    },
  };
}

/** The loop is kept from signals and timers for no longer than this. */
const FLOOD_TURN_MS = 3;
/** A read this soon after the last one, and not of a whole pipe, is one of many. */
const QUICK_MS = 0.3;
const QUICK_READS = 8;
/** How many looks without a byte end a flood. */
const EMPTY_LOOKS = 4;
/** This many looks at a full pipe end it too, and for this long it does not begin again. */
const FULL_LOOKS = 4;
const LARGE_PIECES_MS = 200;
const SHORTEST_NAP_MS = 0.02;
const LONGEST_NAP_MS = 0.4;
const nobodyWakesUs = new Int32Array(new SharedArrayBuffer(4));

// Sleeps that leave the pipe about half full. Timers of the loop are of whole milliseconds, in which a pipe fills many times.
function createFlood() {
  let readAt = 0;
  let quickReads = 0;
  let emptyLooks = 0;
  let fullLooks = 0;
  let notBefore = 0;
  let napMs = 0.1;
  return {
    begins(bytes: number): boolean {
      const now = monoNow();
      quickReads = bytes < PIPE_BYTES && now - readAt < QUICK_MS ? quickReads + 1 : 0;
      readAt = now;
      emptyLooks = 0;
      fullLooks = 0;
      return quickReads > QUICK_READS && now >= notBefore;
    },
    nap(): void {
      Atomics.wait(nobodyWakesUs, 0, 0, napMs);
    },
    isOver(bytes: number): boolean {
      if (bytes > 0.75 * PIPE_BYTES) napMs = Math.max(SHORTEST_NAP_MS, napMs / 2);
      else if (bytes < 0.4 * PIPE_BYTES) napMs = Math.min(LONGEST_NAP_MS, napMs * 1.5);
      emptyLooks = bytes === 0 ? emptyLooks + 1 : 0;
      fullLooks = bytes === PIPE_BYTES && napMs === SHORTEST_NAP_MS ? fullLooks + 1 : 0;
      // Full after the shortest nap: the pieces are not small, and the child waits for us.
      if (fullLooks === FULL_LOOKS) notBefore = monoNow() + LARGE_PIECES_MS;
      else if (emptyLooks < EMPTY_LOOKS) return false;
      quickReads = 0;
      return true;
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
