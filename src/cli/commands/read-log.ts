import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { reasonOf } from '../../host/errno.ts';
import { UsageError } from '../usage-error.ts';

/** Of a log the end is what explains its end; this is far more than is looked at. */
const READ_BYTES = 4 * 1024 * 1024;

/** The end of a log file and when it was last written, or of what a pipe in its place gives. Throws a UsageError if it cannot be read. */
export function readLogFile(path: string): { text: string; modifiedAt: number | null } {
  try {
    const fd = openSync(path, 'r');
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return { text: readThrough(fd), modifiedAt: null };
      return { text: readEnd(fd, stats.size), modifiedAt: stats.mtimeMs };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new UsageError(`--file: ${path}: ${reasonOf(error)}`);
  }
}

/** The end of standard input, once it is over. */
export function readStandardInput(): string {
  try {
    return readThrough(0);
  } catch (error) {
    throw new UsageError(`standard input: ${reasonOf(error)}`);
  }
}

function readEnd(fd: number, size: number): string {
  const bytes = Buffer.alloc(Math.min(size, READ_BYTES));
  const from = size - bytes.length;
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.toString('utf8', 0, done);
}

function readThrough(fd: number): string {
  let chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const count = readOrWait(fd, chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    bytes += count;
    if (bytes > 2 * READ_BYTES) {
      chunks = [Buffer.concat(chunks).subarray(-READ_BYTES)];
      bytes = READ_BYTES;
    }
  }
  return Buffer.concat(chunks).subarray(-READ_BYTES).toString('utf8');
}

/** A non-blocking pipe that has nothing yet says EAGAIN: then it is read again after a hundredth of a second. */
function readOrWait(fd: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
