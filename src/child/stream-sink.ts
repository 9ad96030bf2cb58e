import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { WriteStream } from 'node:tty';
import { type BlockQueue, createBlockQueue } from './block-queue.ts';
import { createProgress } from './progress.ts';
import type { Sink } from './sink.ts';

/**
 * A sink over a pipe, socket or terminal that does not block: write(2) at once while it takes all, and a queue behind an event
 * of the loop from the first byte it does not take.
 */
export function createStreamSink(fd: number, kind: { shared: boolean; terminal: boolean }): Sink {
  const queue = createBlockQueue();
  const progress = createProgress();
  let gone = false;

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

  return {
    write,
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
