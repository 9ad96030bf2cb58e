import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { noRelease, released } from './released.ts';

const noDpkg = noRelease ?? missing('dpkg-deb', '--version') ?? missing('dpkg', '--version');
const noRoot =
  noDpkg ?? (process.getuid?.() === 0 ? missing('chroot', '/', '/bin/true') : 'only root installs packages');
const debian = { x64: 'amd64', arm64: 'arm64' } as const;
const fileFor = (arch: keyof typeof debian) => released(new RegExp(`_${debian[arch]}\\.deb$`));
const libraries = ['libc6', 'libstdc++6', 'libgcc-s1'];

/** A root with the C library, a shell, and a dpkg that knows of the libraries: a machine without Node. */
function bareDebian(folder: string): string {
  const root = join(folder, 'root');
  const needs = ['/bin/sh', '/bin/sleep'].flatMap(program => [program, ...librariesOf(program)]);
  for (const file of [...needs, ...librariesOf(process.execPath)]) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
  for (const part of ['info', 'updates', 'triggers']) mkdirSync(join(root, 'var/lib/dpkg', part), { recursive: true });
  for (const part of ['proc', 'tmp']) mkdirSync(join(root, part));
  writeFileSync(join(root, 'var/lib/dpkg/status'), execFileSync('dpkg-query', ['-s', ...libraries]));
  return root;
}

function librariesOf(program: string): string[] {
  return execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+(?= \()/g) ?? [];
}

function every(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => !path.startsWith('var/lib/dpkg') && !path.startsWith('var/log'))
    .sort();
}

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

  test.skipIf(noRoot)(`is installed, works without Node, and is removed without a trace${because(noRoot)}`, () => {
    const root = bareDebian(scratch());
    const before = every(root);
    const dpkg = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync('dpkg', [`--root=${root}`, ...args], { encoding: 'utf8' });
      expect({ status, says: stdout + stderr }).toMatchObject({ status: 0 });
      return stdout;
    };
    const inside = (...words: string[]) =>
      spawnSync('chroot', [root, ...words], {
        encoding: 'utf8',
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        timeout: 20_000,
      });
    dpkg('--install', fileFor(process.arch === 'arm64' ? 'arm64' : 'x64'));
    expect(dpkg('--status', 'agent-watch')).toMatch(/^Status: install ok installed$/m);
    expect(
      inside('agent-watch', '--restart', 'on-failure', '--name', 'job', '--', 'sh', '-c', 'echo ran'),
    ).toMatchObject({
      status: 0,
      stdout: 'ran\n',
    });
    expect(inside('agent-watch', 'status', 'job', '--json').stdout).toMatch(/"phase": *"finished"/);
    dpkg('--remove', 'agent-watch');
    const left = every(root).filter(path => !before.includes(path));
    // What services wrote stays, as with every package.
    expect(left.filter(path => !path.startsWith('var/lib/agent-watch'))).toEqual([]);
    expect(existsSync(join(root, 'usr/bin/agent-watch'))).toBe(false);
  });
});
