/** scripts/install.sh for one release: with the version that it installs and the address that it downloads from. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, version } from './contents.ts';

/** Writes it to `file`. An empty `url`: whoever runs the script has to name one. */
export function writeInstallScript(file: string, url: string): void {
  if (/['\s]/.test(url)) throw new Error(`no address: ${url}`);
  const script = readFileSync(join(root, 'scripts/install.sh'), 'utf8');
  const filled = script
    .replace("\nfrom=''\n", `\nfrom='${url}'\n`)
    .replace("\nversion=''\n", `\nversion='${version}'\n`);
  writeFileSync(file, filled, { mode: 0o755 });
}
