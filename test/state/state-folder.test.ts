import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { namesIn, openStateFolder } from '../../src/state/state-folder.ts';
import { asNobody, because, fixtureResult, NOBODY, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';

const mode = (path: string) => statSync(path).mode & 0o7777;

function opened(stateDir: string, name: string) {
  const place = openStateFolder(stateDir, name);
  onTestFinished(() => place.close());
  return place;
}

test('a folder per name, 0700, with the state folder above it made 0700 too', () => {
  const stateDir = join(scratch(), 'deep/er/state');
  const [one, two] = [opened(stateDir, 'one'), opened(stateDir, 'two')];
  expect([one.path, two.path]).toEqual([join(stateDir, 'one'), join(stateDir, 'two')]);
  expect([stateDir, one.path, two.path].map(mode)).toEqual([0o700, 0o700, 0o700]);
  expect(one.unwritable).toBeNull();
});

test('a state folder that is there keeps its mode; the folder of the name does not', () => {
  const stateDir = join(scratch(), 'state');
  mkdirSync(join(stateDir, 'n'), { recursive: true });
  chmodSync(stateDir, 0o1777);
  chmodSync(join(stateDir, 'n'), 0o777);
  opened(stateDir, 'n');
  expect(mode(stateDir)).toBe(0o1777);
  expect(mode(join(stateDir, 'n'))).toBe(0o700);
});

test('a state folder may be a link, the folder of a name may not', () => {
  const folder = scratch();
  mkdirSync(join(folder, 'real'));
  symlinkSync(join(folder, 'real'), join(folder, 'state'));
  opened(join(folder, 'state'), 'n');
  expect(readdirSync(join(folder, 'real'))).toEqual(['n']);
  symlinkSync('/tmp', join(folder, 'real/linked'));
  expect(() => openStateFolder(join(folder, 'state'), 'linked')).toThrow(
    /^.*\/linked is a symbolic link; remove it to continue$/,
  );
});

test('a file in the place of the folder is refused', () => {
  const stateDir = scratch();
  writeFileSync(join(stateDir, 'n'), '');
  expect(() => openStateFolder(stateDir, 'n')).toThrow(/\/n is not a folder/);
});

for (const file of ['lock', 'watcher.json', 'state.json', 'state.durable.json', 'hold.json', 'armed.json', 'control']) {
  test(`a link in the place of ${file} is refused, dangling or not`, () => {
    const stateDir = scratch();
    mkdirSync(join(stateDir, 'n'), { mode: 0o700 });
    symlinkSync('/nowhere/at/all', join(stateDir, 'n', file));
    expect(() => openStateFolder(stateDir, 'n')).toThrow(`${join(stateDir, 'n', file)} is a symbolic link`);
  });
}

test('a name that is a path is refused', () => {
  for (const name of ['../x', 'a/b', '.', '..', '', '.hidden', 'x'.repeat(65)]) {
    expect(() => openStateFolder('/nowhere', name)).toThrow(/is not a valid service name/);
  }
});

test('a folder moved away under us: we continue writing into ours', () => {
  const stateDir = scratch();
  const place = opened(stateDir, 'n');
  const { renameSync } = process.getBuiltinModule('node:fs');
  renameSync(join(stateDir, 'n'), join(stateDir, 'moved'));
  mkdirSync(join(stateDir, 'n'));
  writeFileSync(place.at('x'), '');
  expect(readdirSync(join(stateDir, 'moved'))).toEqual(['x']);
});

test('a link put in its place later leads nothing of ours anywhere', () => {
  const stateDir = scratch();
  const place = opened(stateDir, 'n');
  rmSync(join(stateDir, 'n'), { recursive: true });
  mkdirSync(join(stateDir, 'elsewhere'));
  symlinkSync(join(stateDir, 'elsewhere'), join(stateDir, 'n'));
  expect(place.ensure()).toMatch(/symbolic link/);
  expect(() => writeFileSync(place.at('x'), '')).toThrow('ENOTDIR');
  rmSync(join(stateDir, 'n'));
  expect(place.ensure()).toBeNull();
  writeFileSync(place.at('x'), '');
  expect(readdirSync(join(stateDir, 'n'))).toEqual(['x']);
});

test('names are those of folders that may be names, sorted', () => {
  const stateDir = scratch();
  for (const name of ['b', 'a', '.hidden', 'with space']) mkdirSync(join(stateDir, name));
  writeFileSync(join(stateDir, 'file'), '');
  expect(namesIn(stateDir)).toEqual(['a', 'b']);
  expect(namesIn(join(stateDir, 'missing'))).toEqual([]);
});

describe.skipIf(noSecondUser !== null)(`another user${because(noSecondUser)}`, () => {
  test('owns the folder of the name: refused, with the owner', () => {
    const stateDir = scratch();
    mkdirSync(join(stateDir, 'n'), { mode: 0o700 });
    chownSync(join(stateDir, 'n'), NOBODY, NOBODY);
    expect(() => openStateFolder(stateDir, 'n')).toThrow(/\/n belongs to user 65534, not to you \(0\)/);
  });

  test('owns a file in it: refused', () => {
    const stateDir = scratch();
    mkdirSync(join(stateDir, 'n'), { mode: 0o700 });
    writeFileSync(join(stateDir, 'n/hold.json'), '');
    chownSync(join(stateDir, 'n/hold.json'), NOBODY, NOBODY);
    expect(() => openStateFolder(stateDir, 'n')).toThrow(/hold\.json belongs to user 65534/);
  });

  test('meets our folder: refused; meets a state folder that it may not write: continues without', () => {
    const stateDir = scratch();
    chmodSync(stateDir, 0o755);
    mkdirSync(join(stateDir, 'n'), { mode: 0o700 });
    expect(fixtureResult('state-loader.ts', [stateDir, 'n'], asNobody)).toEqual({
      refused: `${stateDir}/n belongs to user 0, not to you (65534)`,
    });
    expect(fixtureResult('state-loader.ts', [stateDir, 'other'], asNobody)).toEqual({
      unwritable: expect.stringMatching(/other: EACCES: permission denied/),
      value: null,
      said: [],
    });
  });
});
