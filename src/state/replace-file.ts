import { closeSync, constants, fchmodSync, openSync, renameSync } from 'node:fs';
import { removeIfThere, writeAll } from './whole-file.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Replaces a file of ours, 0600, by a rename: a reader finds the old text or the new one, and so does whoever comes after
 * a kill -9. For what is written rarely, and by more than one process: the last one wins. Throws the system's error.
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  // Ours from an earlier life of the same pid.
  removeIfThere(temporary);
  try {
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      fchmodSync(fd, 0o600);
      writeAll(fd, Buffer.from(text));
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
}
