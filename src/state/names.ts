import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesWithPrivateFolder } from './private-folder.ts';

/** What a watcher may be called: also the name of its folder, so nothing that is more than one path element. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/**
 * All names that have a folder in this state folder, or only a private one since nothing can be written there; sorted. Empty
 * if it is missing or cannot be read.
 */
export function namesIn(stateDir: string): string[] {
  const names = new Set([...foldersIn(stateDir), ...namesWithPrivateFolder(stateDir)]);
  return [...names].filter(name => NAME_PATTERN.test(name)).sort();
}

/** Whether this name was ever watched here. */
export function isName(stateDir: string, name: string): boolean {
  if (statSync(join(stateDir, name), { throwIfNoEntry: false })?.isDirectory()) return true;
  return namesWithPrivateFolder(stateDir).includes(name);
}

function foldersIn(stateDir: string): string[] {
  try {
    return readdirSync(stateDir, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    // ENOENT: nothing was ever watched. EACCES: nothing of ours is in there.
    return [];
  }
}

/** The newest file of a name's log; the rotated ones have a number behind it. */
export const LOG_FILE = 'output.log';
