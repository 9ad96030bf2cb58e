import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runRecord } from '../../src/core/run-record.ts';
import { createRunJournal, readRuns } from '../../src/state/line-log.ts';
import { scratch } from '../support/scratch.ts';

const record = (run: number, more = {}) =>
  runRecord({ run, cause: 'success', startedAt: '2026-01-01T00:00:00.000Z', durationMs: 1000 + run, ...more });

/** A journal in a folder of its own, with the path of its file. */
function journalIn(stateDir = scratch()) {
  const folder = join(stateDir, 'bot');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { journal: createRunJournal(stateDir, 'bot'), folder, path: join(folder, 'runs.jsonl') };
}

describe('the journal of runs', () => {
  test('of 100,000 runs keeps the last 1000, in 1 MB', () => {
    const { journal, folder } = journalIn();
    for (let run = 1; run <= 100_000; run++) journal.add(record(run, { sketch: '0'.repeat(64) }));
    journal.close();
    const runs = readRuns(folder);
    expect(runs.map(({ run }) => run)).toEqual(Array.from({ length: 1000 }, (_, at) => 99_001 + at));
    const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    expect(bytes).toBeLessThanOrEqual(1024 * 1024 + 2000);
  });

  test('continues behind a line that was torn, which alone is lost', () => {
    const { journal, folder, path } = journalIn();
    journal.add(record(1));
    appendFileSync(path, '{"run":2,"cause":"succ');
    journal.add(record(3));
    expect(readRuns(folder).map(({ run }) => run)).toEqual([1, 3]);
    journal.close();
  });

  test('adds what became known later to the last run of that number, and keeps what it does not understand', () => {
    const { journal, folder, path } = journalIn();
    journal.add(record(1));
    journal.add(record(1, { durationMs: 5 }));
    journal.amend(1, { category: 'disk-full', verdict: { verdict: 'pass' } });
    writeFileSync(path, '{"of":1,"colour":"red"}\n{"of":7,"mark":{"word":"good"}}\n[1]\nnull\n', { flag: 'a' });
    journal.close();
    expect(readRuns(folder)).toMatchObject([
      { run: 1, durationMs: 1001, category: null },
      { run: 1, durationMs: 5, category: 'disk-full', verdict: { verdict: 'pass' }, colour: 'red' },
    ]);
  });

  test('takes no value of a wrong type for one that is known', () => {
    const { folder, path } = journalIn();
    const line = {
      run: 4,
      cause: 'crash',
      durationMs: 'long',
      bytes: null,
      exit: 3,
      metrics: { cost: 1, tokens: 'x' },
    };
    writeFileSync(path, `${JSON.stringify(line)}\n`);
    expect(readRuns(folder)).toEqual([runRecord({ run: 4, cause: 'crash', metrics: { cost: 1 }, sketch: null })]);
  });

  test('is appended to by several writers, and none loses the half that another has begun', () => {
    const stateDir = scratch();
    const { journal, path } = journalIn(stateDir);
    const other = createRunJournal(stateDir, 'bot');
    for (let run = 1; run <= 3000; run++) (run % 2 === 0 ? journal : other).add(record(run));
    journal.close();
    other.close();
    const kept = readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8');
    const numbers = [...kept.matchAll(/"run":(\d+)/g)].map(([, run]) => Number(run));
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, at) => 3001 - numbers.length + at));
    expect(numbers.length).toBeGreaterThan(1000);
  });
});
