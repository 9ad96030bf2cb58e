import { readdirSync } from 'node:fs';

/** What a watcher may be called: also the name of its folder, so nothing that is more than one path element. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** All names that have a folder in this state folder, sorted. Empty if it is missing or cannot be read. */
export function namesIn(stateDir: string): string[] {
  try {
    return readdirSync(stateDir, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && NAME_PATTERN.test(entry.name))
      .map(entry => entry.name)
      .sort();
  } catch {
    // ENOENT: nothing was ever watched. EACCES: nothing of ours is in there.
    return [];
  }
}

/** The newest file of a name's log; the rotated ones have a number behind it. */
export const LOG_FILE = 'output.log';
