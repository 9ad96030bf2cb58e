import { Socket } from 'node:net';
import { monoNow } from '../host/clock.ts';
import { libc } from '../host/libc.ts';

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

/** The bytes that were read, of which the first `passed` are where they are to go already. Valid only during the call. */
export type Take = (bytes: Buffer, passed: number) => void;

/**
 * Reads a pipe of libc's, which it owns from here on.
 * @param pass the sink's: hands on what the pipe holds before it is read
 */
export function createReader(readFd: number, take: Take, pass: (pipeFd: number) => number | null): Reader {
  const calls = libc();
  if (calls === null) throw new Error('a pipe without libc');
  const block = Buffer.allocUnsafeSlow(PIPE_BYTES);
  const flood = createFlood();
  let paused = false;
  let flooded = false;
  let closed = false;

  // While the child writes much, waking up for each piece costs us more than the bytes do. And a pipe that epoll watches costs the
  // writer more at every write, so then it is not watched: we look ourselves, after letting it fill a little.
  function readFlood(): void {
    const end = monoNow() + FLOOD_TURN_MS;
    while (!paused && monoNow() < end) {
      const waiting = flood.look(waitingNow);
      if (waiting === 0) {
        if (!flood.isOver()) continue;
        flooded = false;
        return void socket.resume();
      }
      const passed = waiting < PASSED_FROM_BYTES ? null : pass(readFd);
      if (passed === 0 && flood.mayWait()) break;
      const bytes = readNow(passed || PIPE_BYTES);
      take(block.subarray(0, bytes), passed ?? 0);
      flood.took(bytes);
    }
    if (paused) flooded = false;
    else setImmediate(readFlood);
  }

  const waitingNow = () => calls.waitingBytes(readFd);
  const readNow = (bytes: number) => calls.read(readFd, block, bytes);

  const socket = new Socket({
    fd: readFd,
    readable: true,
    writable: false,
    onread: {
      buffer: block.subarray(0, FIRST_BYTES),
      callback(bytes) {
        take(block.subarray(0, bytes), 0);
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
      const bytes = closed ? 0 : readNow(PIPE_BYTES);
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
    drain: maxBytes => readAll(maxBytes, bytes => take(bytes, 0)),
    discard: maxBytes => readAll(maxBytes, () => {}),
    close() {
      [paused, closed] = [true, true];
      socket.destroy();
    },
  };
}

/** The loop is kept from signals and timers for no longer than this. */
const FLOOD_TURN_MS = 3;
/** So much at once is a flood, and so are many reads as soon after each other as this. */
const FIRST_BYTES = 65_536;
const QUICK_MS = 0.3;
const QUICK_READS = 8;
/** How many looks without a byte end it. */
const EMPTY_LOOKS = 4;
const SHORTEST_NAP_MS = 0.02;
const LONGEST_NAP_MS = 0.4;
/** Less than this is copied: it would take up whole pages of the other pipe. */
const PASSED_FROM_BYTES = 16_384;
/** A reader of our stdout that takes nothing for so long has stalled: then what comes is kept for it. */
const STALLED_MS = 50;
const nobodyWakesUs = new Int32Array(new SharedArrayBuffer(4));

// Sleeps that leave the pipe about half full. Timers of the loop are of whole milliseconds, in which a pipe fills many times.
function createFlood() {
  let readAt = 0;
  let quickReads = 0;
  let emptyLooks = 0;
  let waiting = 0;
  let napMs = 0.1;
  return {
    begins(bytes: number): boolean {
      const now = monoNow();
      quickReads = now - readAt < QUICK_MS ? quickReads + 1 : 0;
      readAt = now;
      waiting = 0;
      return bytes === FIRST_BYTES || quickReads > QUICK_READS;
    },
    look(waitingNow: () => number): number {
      const behind = waiting > 0;
      if (!behind) Atomics.wait(nobodyWakesUs, 0, 0, napMs);
      waiting = waitingNow();
      if (waiting > 0.75 * PIPE_BYTES) napMs = Math.max(SHORTEST_NAP_MS, napMs / 2);
      else if (waiting < 0.4 * PIPE_BYTES && !behind) napMs = Math.min(LONGEST_NAP_MS, napMs * 1.5);
      return waiting;
    },
    isOver(): boolean {
      emptyLooks++;
      if (emptyLooks < EMPTY_LOOKS) return false;
      emptyLooks = 0;
      quickReads = 0;
      return true;
    },
    mayWait: () => monoNow() - readAt < STALLED_MS,
    took(bytes: number): void {
      readAt = monoNow();
      emptyLooks = 0;
      // What came since then is not counted, unless the pipe was full: then its writer waits for us.
      waiting = waiting > 0.75 * PIPE_BYTES ? waiting : waiting - bytes;
    },
  };
}
