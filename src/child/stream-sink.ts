import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { WriteStream } from 'node:tty';
import { createProgress } from './progress.ts';
import type { Sink } from './sink.ts';

/**
 * A sink over a pipe, socket or terminal that does not block: write(2) at once while it takes all, and a queue behind an event
 * of the loop from the first byte it does not take.
 */
export function createStreamSink(fd: number, kind: { shared: boolean; terminal: boolean }): Sink {
  let gone = false;
  let waiting = 0;
  const progress = createProgress();
  const queue = kind.terminal ? terminalQueue(fd, took, lost) : socketQueue(fd, took, lost);
  // Only through Node's own handle can a shared descriptor be made non-blocking, and put back when we exit.
  if (kind.shared) queue.prepare();

  function took(bytes: number): void {
    waiting -= bytes;
    progress.fire();
  }

  function lost(): void {
    gone = true;
    waiting = 0;
    progress.fire();
  }

  function write(bytes: Buffer): void {
    if (gone || bytes.length === 0) return;
    const written = waiting === 0 ? tryWrite(fd, bytes) : 0;
    if (written === bytes.length) return;
    if (written === 'gone') {
      // The descriptor stays open: a queue may still hold it, and one that leads nowhere costs nothing.
      gone = true;
      return;
    }
    const rest = Buffer.from(bytes.subarray(written));
    waiting += rest.length;
    queue.add(rest);
  }

  return {
    write,
    get waitingBytes() {
      return waiting;
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

interface Queue {
  prepare(): void;
  add(bytes: Buffer): void;
}

function socketQueue(fd: number, took: (bytes: number) => void, lost: () => void): Queue {
  let socket: Socket | null = null;
  const open = () => {
    const opened = new Socket({ fd, readable: false, writable: true });
    // It closes itself; what was queued in it is lost with the reader.
    opened.on('error', lost);
    return opened;
  };
  return {
    prepare() {
      socket ??= open();
    },
    add(bytes) {
      socket ??= open();
      socket.write(bytes, error => {
        if (!error) took(bytes.length);
      });
    },
  };
}

// libuv would open a terminal by its name once more and make it blocking. It is read by a person or a terminal emulator, so asking
// again after a moment costs neither of them anything.
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

function terminalQueue(fd: number, took: (bytes: number) => void, lost: () => void): Queue {
  const queue: Buffer[] = [];
  let waitMs = FIRST_WAIT_MS;
  const again = () => setTimeout(attempt, waitMs);

  function attempt(): void {
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const written = tryWrite(fd, head);
      if (written === 'gone') {
        queue.length = 0;
        return lost();
      }
      if (written > 0) waitMs = FIRST_WAIT_MS;
      if (written < head.length) {
        if (written === 0) waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
        queue[0] = head.subarray(written);
        again();
        if (written > 0) took(written);
        return;
      }
      queue.shift();
      took(written);
    }
  }

  return {
    prepare() {
      // No public call makes a terminal non-blocking; Node's own stdout is made so by the same one.
      const stream = new WriteStream(fd) as WriteStream & { _handle?: { setBlocking(blocking: boolean): void } };
      stream._handle?.setBlocking(false);
    },
    add(bytes) {
      queue.push(bytes);
      if (queue.length === 1) again();
    },
  };
}
