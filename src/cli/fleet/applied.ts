import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseShaped } from '../../core/shape.ts';
import { readText } from '../../host/read-file.ts';
import { removeIfThere, replaceFile } from '../../state/atomic-file.ts';
import { namesIn } from '../../state/state-folder.ts';

/** Which file a service was applied from: beside its state, written by `apply` alone. */
const FILE = 'applied.json';
const MOST_BYTES = 64 * 1024;

/** Notes the file. Throws the system's error. */
export function noteApplied(stateDir: string, name: string, path: string): void {
  if (appliedFrom(stateDir, name) !== path) replaceFile(join(stateDir, name, FILE), `${JSON.stringify({ path })}\n`);
}

/** The file that the service was applied from last; null if it never was. */
function appliedFrom(stateDir: string, name: string): string | null {
  try {
    return parseShaped({ object: { path: 'string' } }, readText(join(stateDir, name, FILE), MOST_BYTES))?.path ?? null;
  } catch {
    // Broken: then it is of no file, and is never pruned.
    return null;
  }
}

export function forgetApplied(stateDir: string, name: string): void {
  removeIfThere(join(stateDir, name, FILE));
}

/** Services that were applied from one of these folders and whose file is gone. */
export function withoutFile(stateDir: string, folders: readonly string[]): { name: string; path: string }[] {
  return namesIn(stateDir).flatMap(name => {
    const path = appliedFrom(stateDir, name);
    return path !== null && folders.includes(dirname(path)) && !existsSync(path) ? [{ name, path }] : [];
  });
}
