import { closeSync, openSync, readSync } from 'node:fs';

/** A one-line file of /proc, kept open to be read again and again. */
export interface OpenLine {
  /** What it says now; null once its process is gone. */
  read(): string | null;
  close(): void;
}

const buffer = Buffer.allocUnsafe(4096);

/** Null if it cannot be opened: gone, not ours to read, or not on this system. */
export function openLine(path: string): OpenLine | null {
  let fd: number | null;
  try {
    fd = openSync(path, 'r');
  } catch {
    // As said above.
    return null;
  }
  return {
    read() {
      if (fd === null) return null;
      try {
        const bytes = readSync(fd, buffer, 0, buffer.length, 0);
        return bytes === 0 ? null : buffer.toString('latin1', 0, bytes);
      } catch {
        // ESRCH: its process is gone.
        return null;
      }
    },
    close() {
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}

/** The same, opened for each reading: for many files. Another process may come to have the name meanwhile. */
export function reopenedLine(path: string): OpenLine {
  return {
    read() {
      const line = openLine(path);
      const text = line?.read() ?? null;
      line?.close();
      return text;
    },
    close() {
      // Nothing is open.
    },
  };
}
