import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { leftOut } from '../../scripts/bundle.ts';
import { thirdPartyText } from '../../scripts/packages/third-party.ts';
import { because, missing } from '../support/fixture.ts';
import { noRelease, released } from './released.ts';

const root = resolve(import.meta.dirname, '../..');

test('every library in the bundle has its licence in the list, under name and version', async () => {
  const { metafile } = await build({
    entryPoints: [join(root, 'src/main.ts'), join(root, 'scripts/executable/second.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outdir: 'unused',
    write: false,
    metafile: true,
    absWorkingDir: root,
    alias: { ...leftOut },
  });
  const folders = Object.keys(metafile.inputs).flatMap(
    path => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  const bundled = [...new Set(folders)].map(folder =>
    JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
  );
  expect(bundled.length).toBeGreaterThan(5);
  const text = thirdPartyText(false);
  for (const { name, version } of bundled) expect(text).toContain(`\n${name} ${version} (`);
  expect(text).toContain('\n@modelcontextprotocol/sdk ');
  expect(text).not.toContain('\nexpress ');
});

const noPackages = noRelease ?? missing('dpkg-deb', '--version');

describe.skipIf(noPackages)(`every package that is handed out${because(noPackages)}`, () => {
  const inArchive = (pattern: RegExp, file: string) =>
    execFileSync('tar', ['-xOzf', released(pattern), '--wildcards', file], { encoding: 'utf8', maxBuffer: 2 ** 24 });
  const copyright = './usr/share/doc/agent-watch/copyright';
  const ofDebian = () =>
    execFileSync('sh', ['-c', `dpkg-deb --fsys-tarfile "$1" | tar -xO ${copyright}`, 'sh', released(/_amd64\.deb$/)], {
      encoding: 'utf8',
    });

  test.each([
    ['an archive', () => inArchive(/linux-x64\.tar\.gz$/, '*/THIRD-PARTY.txt')],
    ['an executable for npm', () => inArchive(/^agent-watch-linux-x64-.*tgz$/, '*/THIRD-PARTY.txt')],
    ['a package for Debian', ofDebian],
  ])('%s has the licences of the libraries and of Node', (_, text) => {
    expect(text()).toMatch(/\ncroner \d[\s\S]*\nNode\.js[\s\S]*OpenSSL/);
  });

  test('the package of the bundle has the licences of its libraries', () => {
    expect(inArchive(/^agent-watch-\d.*tgz$/, '*/THIRD-PARTY.txt')).toMatch(/\ncroner \d/);
  });
});
