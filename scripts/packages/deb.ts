/** The package for Debian and its kin, by Debian's own dpkg-deb: executable, manual page, completions, and no service of its own. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  type Arch,
  completion,
  debianVersion,
  executableOf,
  manifest,
  manual,
  release,
  releaseTime,
  root,
  version,
} from './contents.ts';
import { thirdPartyText } from './third-party.ts';

const ARCHITECTURES: Readonly<Record<Arch, string>> = { x64: 'amd64', arm64: 'arm64' };
/** Where bash, zsh and fish look for what packages bring. */
const COMPLETIONS = {
  'agent-watch.bash': 'usr/share/bash-completion/completions/agent-watch',
  '_agent-watch': 'usr/share/zsh/vendor-completions/_agent-watch',
  'agent-watch.fish': 'usr/share/fish/vendor_completions.d/agent-watch.fish',
};

/** Makes agent-watch_VERSION_ARCH.deb. */
export function packDeb(arch: Arch): void {
  const tree = mkdtempSync(join(tmpdir(), 'agent-watch-deb-'));
  try {
    chmodSync(tree, 0o755);
    const put = (path: string, content: Buffer | string, mode = 0o644) => {
      mkdirSync(join(tree, dirname(path)), { recursive: true, mode: 0o755 });
      writeFileSync(join(tree, path), content, { mode });
    };
    mkdirSync(join(tree, 'usr/bin'), { recursive: true });
    cpSync(executableOf(arch), join(tree, 'usr/bin/agent-watch'));
    put('usr/share/man/man1/agent-watch.1.gz', gzipSync(readFileSync(manual), { level: 9 }));
    for (const [file, path] of Object.entries(COMPLETIONS)) put(path, readFileSync(join(completion, file)));
    const licences = [readFileSync(join(root, 'LICENSE'), 'utf8'), thirdPartyText(true)];
    put('usr/share/doc/agent-watch/copyright', licences.join('\n'));
    put('usr/share/doc/agent-watch/changelog.gz', gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }));
    put('DEBIAN/control', control(arch));
    const file = join(release, `agent-watch_${version}_${ARCHITECTURES[arch]}.deb`);
    // gzip takes a tenth of the time of xz for a file that is a third larger.
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, file], {
      stdio: 'pipe',
      env: { ...process.env, SOURCE_DATE_EPOCH: releaseTime() },
    });
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function control(arch: Arch): string {
  const kib = Math.ceil(statSync(executableOf(arch)).size / 1024);
  return `${[
    'Package: agent-watch',
    `Version: ${debianVersion(version)}`,
    `Architecture: ${ARCHITECTURES[arch]}`,
    'Maintainer: The agent-watch authors <agent-watch@localhost>',
    `Installed-Size: ${kib}`,
    'Depends: libc6 (>= 2.28), libstdc++6 (>= 6), libgcc-s1 | libgcc1',
    'Section: admin',
    'Priority: optional',
    'Description: supervisor for a long-running command',
    ` ${manifest.description}`,
  ].join('\n')}\n`;
}
