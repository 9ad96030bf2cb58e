import { write as writeFile } from 'node:fs';
import { createBlockQueue } from './block-queue.ts';
import { createProgress } from './progress.ts';
import type { Sink } from './sink.ts';

/**
 * A sink over a regular file or an unknown device, through the thread pool: a hung disk holds one thread, never the loop. One
 * write at a time keeps the order, and no position is given, so that the offset shared with our caller moves on.
 */
export function createFileSink(fd: number): Sink {
  const queue = createBlockQueue();
  const progress = createProgress();
  let lost = 0;

  function next(): void {
    const block = queue.head();
    if (block === null) return;
    writeFile(fd, block, 0, block.length, null, (error, written) => {
      // ENOSPC, EDQUOT, EIO: the child itself would have lost this write, and would not have waited for room.
      if (error !== null) lost += block.length;
      queue.take(error === null ? written : block.length);
      progress.fire();
      next();
    });
  }

  return {
    write(bytes) {
      if (bytes.length === 0) return;
      const idle = queue.bytes === 0;
      queue.push(bytes);
      if (idle) next();
    },
    get waitingBytes() {
      return queue.bytes;
    },
    gone: false,
    get lostBytes() {
      return lost;
    },
    onProgress: progress.listen,
  };
}
