import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { noRelease, released } from './released.ts';

const noDpkg = noRelease ?? missing('dpkg-deb', '--version') ?? missing('dpkg', '--version');
const debian = { x64: 'amd64', arm64: 'arm64' } as const;
const fileFor = (arch: keyof typeof debian) => released(new RegExp(`_${debian[arch]}\\.deb$`));

describe.skipIf(noDpkg)(`the packages for Debian${because(noDpkg)}`, () => {
  test.each(['x64', 'arm64'] as const)(
    '%s holds the executable, the manual page and completions, owned by root',
    arch => {
      const contents = execFileSync('dpkg-deb', ['--contents', fileFor(arch)], { encoding: 'utf8' });
      const files = contents.split('\n').filter(line => line.startsWith('-'));
      expect(files.map(line => line.replace(/ +\d+ \S+ \S+ /, ' ')).sort()).toEqual([
        '-rw-r--r-- root/root ./usr/share/bash-completion/completions/agent-watch',
        '-rw-r--r-- root/root ./usr/share/doc/agent-watch/changelog.gz',
        '-rw-r--r-- root/root ./usr/share/doc/agent-watch/copyright',
        '-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/agent-watch.fish',
        '-rw-r--r-- root/root ./usr/share/man/man1/agent-watch.1.gz',
        '-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_agent-watch',
        '-rwxr-xr-x root/root ./usr/bin/agent-watch',
      ]);
      const control = execFileSync('dpkg-deb', ['--field', fileFor(arch)], { encoding: 'utf8' });
      expect(control).toMatch(new RegExp(`^Architecture: ${debian[arch]}$`, 'm'));
    },
  );
});
