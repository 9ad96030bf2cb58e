import { constants, lstatSync, readFileSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/**
 * The text of a regular file of at most `limitBytes`; null if there is none. Throws the system's error, or an Error that
 * says what is wrong. Neither a link is followed nor a pipe waited for.
 */
export function readText(path: string, limitBytes: number): string | null {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (stats.isSymbolicLink()) throw new Error('a symbolic link');
  if (!stats.isFile()) throw new Error('not a regular file');
  if (stats.size > limitBytes) throw new Error(`larger than ${limitBytes} bytes`);
  try {
    // One call into Node for open, read and close: `status` reads a hundred files so, `incidents` five hundred.
    return readFileSync(path, { encoding: 'utf8', flag: READ_NO_LINK });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

// For what came into its place since the look. Node takes a number here, though its types want a word.
const READ_NO_LINK = (constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) as unknown as string;
