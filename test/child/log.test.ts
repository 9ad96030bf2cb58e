import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLog, type LogSpec } from '../../src/child/log.ts';
import { openLogReader } from '../../src/child/log-reader.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

function logIn(folder: string, spec: Partial<LogSpec> = {}) {
  const said: string[] = [];
  const log = createLog({
    path: join(folder, 'output.log'),
    maxBytes: 1000,
    keep: 3,
    ensureFolder: () => null,
    say: text => said.push(text),
    onDropped: () => {},
    ...spec,
  });
  return { log, said };
}

// Without the indexes beside them.
const filesIn = (folder: string) =>
  readdirSync(folder)
    .filter(name => !name.endsWith('.times'))
    .sort();
const lines = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => `line ${first + index}\n`).join('');

describe('the rotated log', () => {
  test('cuts at line ends, keeps so many files, and loses only the oldest', async () => {
    const folder = scratch();
    const { log } = logIn(folder);
    for (let batch = 0; batch < 100; batch++) log.write(Buffer.from(lines(batch * 10, 10)));
    await log.close(60_000);
    expect(filesIn(folder)).toEqual(['output.log', 'output.log.1', 'output.log.2', 'output.log.3']);
    const all = ['.3', '.2', '.1', ''].map(end => readFileSync(join(folder, `output.log${end}`), 'utf8'));
    for (const text of all) {
      expect(text.length).toBeLessThanOrEqual(1000);
      expect(text).toMatch(/^line \d+\n/);
      expect(text.endsWith('\n')).toBe(true);
    }
    const joined = all.join('');
    expect(joined.endsWith('line 999\n')).toBe(true);
    const first = Number(/line (\d+)/.exec(joined)?.[1]);
    expect(joined).toBe(lines(first, 1000 - first));
  });

  test('continues in a file that an earlier watcher left, and removes what a smaller keep leaves over', async () => {
    const folder = scratch();
    const { log: wide } = logIn(folder, { keep: 5 });
    wide.write(Buffer.from(lines(0, 700)));
    await wide.close(60_000);
    expect(filesIn(folder)).toHaveLength(6);
    const { log: narrow } = logIn(folder, { keep: 1 });
    narrow.write(Buffer.from(lines(700, 200)));
    await narrow.close(60_000);
    expect(filesIn(folder)).toEqual(['output.log', 'output.log.1']);
  });

  test('keeps lines whole that come one by one', async () => {
    const folder = scratch();
    const { log } = logIn(folder);
    for (let at = 0; at < 300; at++) {
      log.write(Buffer.from(`line ${at} of a length\n`));
      await log.settle(60_000);
    }
    await log.close(60_000);
    const files = filesIn(folder).map(name => readFileSync(join(folder, name), 'utf8'));
    expect(files).toHaveLength(4);
    for (const text of files) expect(text).toMatch(/^(?:line \d+ of a length\n)+$/);
  });

  test('with keep 0 is one file', async () => {
    const folder = scratch();
    const { log } = logIn(folder, { keep: 0 });
    for (let batch = 0; batch < 50; batch++) log.write(Buffer.from(lines(batch * 10, 10)));
    await log.close(60_000);
    expect(filesIn(folder)).toEqual(['output.log']);
    expect(statSync(join(folder, 'output.log')).size).toBeLessThanOrEqual(1000);
  });

  test('a line longer than a file is cut, and no byte of it is lost', async () => {
    const folder = scratch();
    const { log } = logIn(folder, { keep: 9 });
    log.write(Buffer.alloc(3500, 'x'));
    await log.close(60_000);
    const bytes = filesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(bytes).toBe(3500);
  });

  test('whose folder was removed is made again, and what was missed is counted and said', async () => {
    const folder = join(scratch(), 'deep');
    mkdirSync(folder);
    let mayMake = false;
    const { log, said } = logIn(folder, {
      maxBytes: 100_000,
      ensureFolder: () => {
        if (!mayMake) return null;
        mkdirSync(folder, { recursive: true });
        return null;
      },
    });
    log.write(Buffer.from('before\n'));
    await until('it is there', () => filesIn(folder).length === 1);
    rmSync(folder, { recursive: true });
    await until('the loss is noticed', () => {
      log.write(Buffer.from('lost\n'));
      return log.droppedBytes > 0;
    });
    await until('it is said', () => said.join().includes('cannot be written'));
    mayMake = true;
    await until('it goes on', () => {
      log.write(Buffer.from('after\n'));
      return said.some(line => line.includes('can be written again'));
    });
    await log.close(60_000);
    expect(readFileSync(join(folder, 'output.log'), 'utf8')).toMatch(/^(after\n)+$/m);
  });
});

test('a log that cannot be rotated is said, drops what comes, and goes on once it can', async () => {
  const folder = scratch();
  mkdirSync(join(folder, 'output.log.1/in-the-way'), { recursive: true });
  const { log, said } = logIn(folder, { keep: 1 });
  await until('it is said', () => {
    log.write(Buffer.from(lines(0, 10)));
    return said.join().includes('cannot be written (EISDIR');
  });
  expect(log.droppedBytes).toBeGreaterThan(0);
  rmSync(join(folder, 'output.log.1'), { recursive: true });
  await until('it goes on', () => {
    log.write(Buffer.from('after\n'));
    return said.some(line => line.includes('can be written again'));
  });
  await log.close(60_000);
  expect(readFileSync(join(folder, 'output.log'), 'utf8')).toMatch(/^(after\n)+$/);
});

describe('the reader of the log', () => {
  test('begins between two files of a rotation, and tells no line twice', () => {
    const path = join(scratch(), 'output.log');
    writeFileSync(`${path}.2`, 'first\n');
    writeFileSync(`${path}.1`, 'second\n');
    const reader = openLogReader(path);
    expect(`${reader.lastLines(9)}`).toBe('first\nsecond\n');
    writeFileSync(path, 'third\n');
    expect(`${reader.news()}`).toBe('third\n');
    reader.close();
  });
});
