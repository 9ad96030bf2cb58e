/**
 * The packages for npm: `agent-watch` with the launcher and the bundle, and one with the executable for each architecture, which
 * npm installs only where it runs. None has an install script, which package managers block. The manifest at the top of the sources
 * stays private: that one is never published.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Arch, completion, executableOf, manifest, manual, papers, release, root, version } from './contents.ts';
import { THIRD_PARTY, thirdPartyText } from './third-party.ts';

// Where the sources are is known to the pipeline that releases them, which writes it into the manifest.
const { description, license, repository } = manifest;
const common = { version, description, license, ...(repository === undefined ? {} : { repository }) };
const executableName = (arch: Arch) => `agent-watch-linux-${arch}`;

/** The manifest of the package that people install. */
function mainManifest() {
  return {
    name: 'agent-watch',
    ...common,
    bin: { 'agent-watch': 'bin/agent-watch' },
    man: ['man/agent-watch.1'],
    os: ['linux', 'darwin'],
    optionalDependencies: Object.fromEntries((['x64', 'arm64'] as const).map(arch => [executableName(arch), version])),
  };
}

/** The manifest of a package that holds nothing but an executable. */
function executableManifest(arch: Arch) {
  return {
    name: executableName(arch),
    ...common,
    description: `The executable of agent-watch for Linux on ${arch} with glibc`,
    os: ['linux'],
    cpu: [arch],
    libc: ['glibc'],
    files: ['agent-watch', THIRD_PARTY],
  };
}

/** Packs them all into the release folder. */
export function packNpm(architectures: readonly Arch[]): void {
  pack(mainManifest(), folder => {
    for (const part of ['bin', 'lib', 'man']) mkdirSync(join(folder, part));
    for (const file of papers) cpSync(join(root, file), join(folder, file));
    cpSync(join(root, 'scripts/packages/npm-launcher.sh'), join(folder, 'bin/agent-watch'));
    chmodSync(join(folder, 'bin/agent-watch'), 0o755);
    cpSync(join(root, 'scripts/packages/npm-start.cjs'), join(folder, 'lib/start.cjs'));
    cpSync(join(root, 'build/agent-watch.cjs'), join(folder, 'lib/agent-watch.cjs'));
    cpSync(manual, join(folder, 'man/agent-watch.1'));
    cpSync(completion, join(folder, 'completion'), { recursive: true });
    writeFileSync(join(folder, THIRD_PARTY), thirdPartyText(false));
  });
  for (const arch of architectures)
    pack(executableManifest(arch), folder => {
      cpSync(executableOf(arch), join(folder, 'agent-watch'));
      cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
      writeFileSync(join(folder, THIRD_PARTY), thirdPartyText(true));
    });
}

function pack(own: object, fill: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'agent-watch-npm-'));
  try {
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
    fill(folder);
    execFileSync('npm', ['pack', '--silent', '--pack-destination', release], { cwd: folder, stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
