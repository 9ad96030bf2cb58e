import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../src/child/log.ts';
import { decodeIndex, indexPath } from '../../src/child/log-index.ts';
import { endOfLog, linesAfter, linesFromEnd } from '../../src/child/log-lines.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aw-index-'));
  path = join(folder, 'output.log');
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const open = (maxBytes = 1 << 20) =>
  createLog({ path, maxBytes, keep: 3, ensureFolder: () => null, say: () => {}, onDropped: () => {} });

/** Writes each text at its moment, in ms from the beginning; a number in place of a text begins that run. */
async function written(log: ReturnType<typeof open>, texts: readonly [atMs: number, text: string | number][]) {
  for (const [atMs, text] of texts) {
    vi.setSystemTime(1_800_000_000_000 + atMs);
    if (typeof text === 'number') log.startRun(text);
    else log.write(Buffer.from(text));
  }
}

const lines = () =>
  [...linesFromEnd(path)].reverse().map(({ at, run, bytes }) => [at - 1_800_000_000_000, run, bytes.toString()]);

describe('every line has its arrival time and its run', () => {
  test('over pauses, runs, parts of lines and a clock that is set back', async () => {
    const log = open();
    await written(log, [
      [0, 1],
      [5, 'one\ntwo\n'],
      [70_005, 'thr'],
      [70_400, 'ee\n'],
      [70_500, 2],
      [70_501, 'four\n'],
      [60_000, 'five\n'],
    ]);
    await log.close(60_000);
    expect(lines()).toEqual([
      [5, 1, 'one'],
      [5, 1, 'two'],
      [70_005, 1, 'three'],
      [70_501, 2, 'four'],
      [60_000, 2, 'five'],
    ]);
  });

  test('over rotation and over another watcher that continues', async () => {
    const first = open(40);
    const texts = Array.from({ length: 9 }, (_, at): [number, string] => [at * 1000, `line number ${at}\n`]);
    await written(first, [[0, 1], ...texts]);
    await first.close(60_000);
    const second = open(40);
    await written(second, [
      [20_000, 2],
      [20_001, 'line number 9\n'],
    ]);
    await second.close(60_000);
    const seen = lines();
    expect(seen).toEqual(
      [...texts.map(([at, text]) => [at, 1, text.trim()]), [20_001, 2, 'line number 9']].slice(-seen.length),
    );
    expect(seen.length).toBeGreaterThanOrEqual(6);
  });

  test('though a rotation was cut short between the log and its index', async () => {
    const log = open();
    await written(log, [
      [0, 1],
      [1000, 'old\n'],
    ]);
    await log.close(60_000);
    renameSync(path, `${path}.1`);
    const next = open();
    await written(next, [
      [5000, 2],
      [5001, 'new\n'],
    ]);
    await next.close(60_000);
    expect(lines()).toEqual([
      [1000, 1, 'old'],
      [5001, 2, 'new'],
    ]);
  });

  test('of a log without an index the time is that of the file', () => {
    writeFileSync(path, 'a\nb\n');
    expect([...linesFromEnd(path)].map(({ at, run }) => [Math.round(at), run])).toEqual([
      [Math.round(statSync(path).mtimeMs), 0],
      [Math.round(statSync(path).mtimeMs), 0],
    ]);
  });
});

test('an index costs at most 3 % of its log, however short the lines', async () => {
  const log = open(64 << 20);
  await written(log, [[0, 1]]);
  for (let at = 1; at < 60_000; at++) await written(log, [[at * 17, `n ${at}\n`]]);
  await log.close(60_000);
  const [index, size] = [statSync(indexPath(path)).size, statSync(path).size];
  expect(size).toBeGreaterThan(400_000);
  expect(index / size).toBeLessThanOrEqual(0.03);
  const times = lines().map(([at]) => Number(at));
  expect(times).toEqual([...times].sort((one, other) => one - other));
});

test('a reader continues behind the last whole line, over rotation', async () => {
  const log = open(30);
  await written(log, [
    [0, 1],
    [1, 'first line\nhalf'],
  ]);
  await log.close(60_000);
  const start = endOfLog(path);
  expect(start.offset).toBe(11);
  const next = open(30);
  await written(next, [
    [2, ' a line\nthird line here\n'],
    [3, 'fourth line\n'],
  ]);
  await next.close(60_000);
  const { lines: news, cursor } = linesAfter(path, start);
  expect(news.map(({ bytes }) => bytes.toString())).toEqual(['half a line', 'third line here', 'fourth line']);
  expect(linesAfter(path, cursor).lines).toEqual([]);
});

test('half a record at the end of an index is left out', async () => {
  const log = open();
  await written(log, [
    [0, 1],
    [1, 'a\n'],
    [300, 'b\n'],
  ]);
  await log.close(60_000);
  const bytes = readFileSync(indexPath(path));
  expect(decodeIndex(bytes.subarray(0, -1)).arrivals).toHaveLength(decodeIndex(bytes).arrivals.length - 1);
  appendFileSync(indexPath(path), Buffer.from([0x80]));
  expect(lines()).toHaveLength(2);
});
