/** The list of what the executable is made of (CycloneDX), by npm: the libraries in the bundle and the Node under it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifest, release, root, version } from './contents.ts';

/** Makes agent-watch-VERSION.cdx.json. */
export function writeSbom(): void {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-watch-sbom-'));
  // npm names the product after its folder.
  const folder = join(scratch, manifest.name);
  try {
    mkdirSync(folder);
    const { devDependencies: _, ...shipped } = manifest;
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    // `npm sbom --omit dev` leaves out what a tool needs as well, so the tools are taken out here.
    const packages = Object.entries<{ dev?: boolean }>(lock.packages).filter(([, { dev }]) => !dev);
    lock.packages = { ...Object.fromEntries(packages), '': shipped };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(shipped));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const words = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
    writeFileSync(join(release, `agent-watch-${version}.cdx.json`), execFileSync('npm', words, { cwd: folder }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
