import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { reasonOf } from '../host/errno.ts';

const KEPT = 3;

/**
 * Moves a file that cannot be read out of the way, whatever it is (a folder too): as `<file>.corrupt-<time>`, of which the
 * newest three are kept. Returns the new name, or null and why it had to stay.
 */
export function putAside(path: string, now: Date): { keptAs: string | null; why: string | null } {
  const file = basename(path);
  const folder = dirname(path);
  // Sorts as it reads; a colon in a file's name is trouble for other systems.
  const keptAs = `${file}.corrupt-${now.toISOString().replaceAll(':', '').replace('.', '-')}`;
  try {
    renameSync(path, `${folder}/${keptAs}`);
  } catch (error) {
    return { keptAs: null, why: reasonOf(error) };
  }
  for (const old of keptCopies(folder, file).slice(0, -KEPT)) remove(`${folder}/${old}`);
  return { keptAs, why: null };
}

function keptCopies(folder: string, file: string): string[] {
  return readdirSync(folder)
    .filter(name => name.startsWith(`${file}.corrupt-`))
    .sort();
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // One copy too many is no reason to stop a start.
  }
}
