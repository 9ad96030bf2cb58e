/** The list of what the executable is made of (CycloneDX), by npm: the libraries in the bundle and the Node under it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifest, release, root, shippedPackages, version } from './contents.ts';

/** Makes agent-watch-VERSION.cdx.json. */
export function writeSbom(): void {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-watch-sbom-'));
  // npm names the product after its folder.
  const folder = join(scratch, manifest.name);
  try {
    mkdirSync(folder);
    const { devDependencies: _, ...shipped } = manifest;
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    const packages = shippedPackages();
    const names = new Set(Object.keys(packages).map(path => path.split('node_modules/').at(-1)));
    // npm refuses a lock in which what somebody needs is missing: of a library that is there in part, so are its needs.
    const there = (needs: object = {}) => Object.fromEntries(Object.entries(needs).filter(([name]) => names.has(name)));
    for (const one of Object.values(packages)) {
      one.dependencies = there(one.dependencies);
      one.peerDependencies = there(one.peerDependencies);
    }
    lock.packages = { '': shipped, ...packages };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(shipped));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const words = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
    writeFileSync(join(release, `agent-watch-${version}.cdx.json`), execFileSync('npm', words, { cwd: folder }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
