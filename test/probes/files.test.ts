import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sizeText } from '../../src/core/units.ts';
import { diskProbe, freshFileProbe, growProbe } from '../../src/probes/polled-probes.ts';
import { scratch } from '../support/scratch.ts';
import { ask, spec } from './rig.ts';

describe('--fresh-file', () => {
  test('tells when the file changed, and that it is missing', async () => {
    const path = join(scratch(), 'heartbeat');
    const probe = freshFileProbe(spec({ kind: 'fresh-file', path, maxAgeMs: 1000 }));
    expect(await ask(probe)).toEqual({ kind: 'file', mtime: null });
    writeFileSync(path, '');
    utimesSync(path, 1_700_000_000, 1_700_000_000.5);
    expect(await ask(probe)).toEqual({ kind: 'file', mtime: 1_700_000_000_500 });
    writeFileSync(`${path}.new`, '');
    utimesSync(`${path}.new`, 1_800_000_000, 1_800_000_000);
    renameSync(`${path}.new`, path);
    expect(await ask(probe)).toEqual({ kind: 'file', mtime: 1_800_000_000_000 });
    expect(await ask(freshFileProbe(spec({ kind: 'fresh-file', path: `${path}/x`, maxAgeMs: 1 })))).toMatchObject({
      mtime: null,
    });
  });
});

describe('--grow', () => {
  test('counts the files that match and what they hold', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'out/folder.json'), { recursive: true });
    const probe = growProbe(spec({ kind: 'grow', glob: join(folder, 'out/*.json'), withinMs: 1000 }));
    expect(await ask(probe)).toEqual({ kind: 'artifacts', count: 0, bytes: 0, newest: null });
    writeFileSync(join(folder, 'out/a.json'), '12345');
    writeFileSync(join(folder, 'out/b.txt'), '12345');
    utimesSync(join(folder, 'out/a.json'), 1_700_000_000, 1_700_000_000);
    expect(await ask(probe)).toEqual({ kind: 'artifacts', count: 1, bytes: 5, newest: 1_700_000_000_000 });
    appendFileSync(join(folder, 'out/a.json'), '6');
    expect(await ask(probe)).toMatchObject({ count: 1, bytes: 6 });
    truncateSync(join(folder, 'out/a.json'));
    expect(await ask(probe)).toMatchObject({ count: 1, bytes: 0 });
    rmSync(join(folder, 'out'), { recursive: true });
    expect(await ask(probe)).toMatchObject({ count: 0 });
  });

  test('a plain path and a deep glob', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/model.bin'), '123');
    const grow = (glob: string) => ask(growProbe(spec({ kind: 'grow', glob, withinMs: 1000 })));
    expect(await grow(join(folder, 'a/b/model.bin'))).toMatchObject({ count: 1, bytes: 3 });
    expect(await grow(join(folder, '**/*.bin'))).toMatchObject({ count: 1, bytes: 3 });
  });
});

describe('--min-disk', () => {
  test('free space against the limit', async () => {
    const disk = (minFreeBytes: number, path = '/tmp') => ask(diskProbe(spec({ kind: 'disk', minFreeBytes, path })));
    expect(await disk(1)).toMatchObject({ ok: true, detail: expect.stringMatching(/ free on \/tmp$/) });
    expect(await disk(2 ** 60)).toMatchObject({ ok: false, detail: expect.stringMatching(/, less than 1050000T$/) });
    expect(await disk(1, '/no/such/folder')).toMatchObject({ kind: 'none' });
  });

  test.each([
    [0, '0B'],
    [999, '999B'],
    [1024, '1K'],
    [2 ** 31, '2G'],
    [1_900_000_000, '1.77G'],
  ])('%i bytes are %s', (bytes, text) => expect(sizeText(bytes)).toBe(text));
});
