import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { debianVersion } from '../../scripts/packages/contents.ts';
import { datedChangelog, inDocument, isLater } from '../../scripts/set-version.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';

const root = resolve(import.meta.dirname, '../..');
const noDpkg = missing('dpkg', '--version');
const ASCENDING = [
  '0.1.0',
  '1.0.0-alpha.1',
  '1.0.0-beta.2',
  '1.0.0-rc.1',
  '1.0.0-rc.10',
  '1.0.0',
  '1.0.1',
  '1.2.0',
  '10.0.0',
];
const pairs = ASCENDING.slice(1).map((later, index) => [ASCENDING[index] ?? '', later] as const);

/** The files that hold a version, beside the script. */
function sources(): string {
  const folder = scratch();
  mkdirSync(join(folder, 'docs'));
  for (const file of ['package.json', 'package-lock.json', 'CHANGELOG.md', 'README.md', 'docs/installing.md'])
    cpSync(join(root, file), join(folder, file));
  return folder;
}

function setIn(folder: string, ...args: string[]) {
  const script = join(root, 'scripts/set-version.ts');
  return spawnSync(process.execPath, [script, ...args, '--root', folder], { encoding: 'utf8' });
}

describe('versions', () => {
  test.each(pairs)('%s comes before %s', (before, later) => {
    expect([isLater(later, before), isLater(before, later), isLater(later, later)]).toEqual([true, false, false]);
  });

  test.skipIf(noDpkg)(`sort in Debian as they do here${because(noDpkg)}`, () => {
    for (const [before, later] of pairs)
      expect(spawnSync('dpkg', ['--compare-versions', debianVersion(before), 'lt', debianVersion(later)]).status).toBe(
        0,
      );
  });
});

test('the number is set in manifest, lock file, changelog and documents, and the commands of a release are printed', () => {
  const folder = sources();
  const { version: before } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const next = '98.0.0-rc.1';
  const { status, stdout, stderr } = setIn(folder, next, '--date', '2031-02-03');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain(`git tag v${next}`);
  const text = (file: string) => readFileSync(join(folder, file), 'utf8');
  expect(JSON.parse(text('package.json')).version).toBe(next);
  const lock = JSON.parse(text('package-lock.json'));
  expect([lock.version, lock.packages[''].version]).toEqual([next, next]);
  expect(text('CHANGELOG.md')).toMatch(/^# Changelog\n[^#]*\n## 98\.0\.0-rc\.1 \(2031-02-03\)\n/);
  expect(text('README.md')).toContain(`agent-watch_${next}_amd64.deb`);
  expect(text('docs/installing.md')).toContain(`--version ${next}`);
  expect(text('docs/installing.md')).not.toContain(before);
});

test('a lower number, a malformed one and a changelog without news are refused, and nothing is written', () => {
  const folder = sources();
  const manifest = readFileSync(join(folder, 'package.json'), 'utf8');
  for (const [args, why] of [
    [['0.0.9'], /0\.0\.9 is not later than/],
    [['1.0'], /invalid version "1\.0"; valid: 1\.2\.3/],
    [['99.0.0-rc-1'], /invalid version/],
    [['99.0.0', '--date', 'soon'], /invalid date "soon"/],
  ] as const) {
    const { status, stderr } = setIn(folder, ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(why);
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe(manifest);
  }
  expect(() => datedChangelog('# Changelog\n\n## 1.0.0 (2031-01-01)\n', '1.1.0', '2031-02-03')).toThrow(
    /begins with "## 1\.0\.0/,
  );
});

test('in documents only names of files and arguments change', () => {
  const text =
    'agent-watch_1.0.0_amd64.deb agent-watch-linux-x64-1.0.0.tgz --version 1.0.0 libc 1.0.0 agent-watch-1.0.0-rc.1.tgz';
  const changed =
    'agent-watch_1.1.0_amd64.deb agent-watch-linux-x64-1.1.0.tgz --version 1.1.0 libc 1.0.0 agent-watch-1.0.0-rc.1.tgz';
  expect(inDocument(text, '1.0.0', '1.1.0')).toBe(changed);
});
