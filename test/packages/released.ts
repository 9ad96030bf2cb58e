import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const release = resolve(import.meta.dirname, '../../build/release');

/** Why there is nothing to test, or null. */
export const noRelease = existsSync(join(release, 'SHA256SUMS')) ? null : 'npm run release makes the packages';

/** The path of the released file whose name matches. */
export function released(pattern: RegExp): string {
  const file = readdirSync(release).find(name => pattern.test(name));
  if (file === undefined) throw new Error(`no file of the release is named like ${pattern}`);
  return join(release, file);
}
