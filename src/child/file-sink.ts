import { write as writeFile, writev as writeFileVector } from 'node:fs';
import { createProgress } from './progress.ts';
import type { Sink } from './sink.ts';

/**
 * A sink over a regular file or an unknown device, through the thread pool: a hung disk holds one thread, never the loop. One
 * write at a time keeps the order, and no position is given, so that the offset shared with our caller moves on.
 */
export function createFileSink(fd: number): Sink {
  let queue: Buffer[] = [];
  let waiting = 0;
  let lost = 0;
  let busy = false;
  const progress = createProgress();

  function write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    queue.push(Buffer.from(bytes));
    waiting += bytes.length;
    if (!busy) flush();
  }

  function flush(): void {
    const batch = queue;
    queue = [];
    busy = true;
    send(batch);
  }

  function send(batch: Buffer[]): void {
    const done = (error: Error | null, written: number) => settled(batch, error, written);
    const [only] = batch;
    if (only !== undefined && batch.length === 1) writeFile(fd, only, 0, only.length, null, done);
    else writeFileVector(fd, batch, done);
  }

  function settled(batch: Buffer[], error: Error | null, written: number): void {
    const size = batch.reduce((sum, bytes) => sum + bytes.length, 0);
    const left = error === null ? dropFirst(batch, written) : [];
    // ENOSPC, EDQUOT, EIO: the child itself would have lost this write, and would not have waited for room.
    if (error !== null) lost += size;
    waiting -= error === null ? written : size;
    if (left.length > 0) send(left);
    else if (queue.length > 0) flush();
    else busy = false;
    progress.fire();
  }

  return {
    write,
    get waitingBytes() {
      return waiting;
    },
    gone: false,
    get lostBytes() {
      return lost;
    },
    onProgress: progress.listen,
  };
}

function dropFirst(batch: Buffer[], bytes: number): Buffer[] {
  const left: Buffer[] = [];
  let skip = bytes;
  for (const buffer of batch) {
    if (skip >= buffer.length) skip -= buffer.length;
    else {
      left.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return left;
}
