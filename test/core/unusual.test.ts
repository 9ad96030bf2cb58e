import { describe, expect, test } from 'vitest';
import { type RunRecord, runRecord } from '../../src/core/run-record.ts';
import { unusualOf, unusualOfLast } from '../../src/core/unusual.ts';
import { type Job, jobOf, PLANTED, randomOf } from './job-histories.ts';

/** Runs of a steady job, one a day: four minutes, 40 KB, ten cents, a text of its own each. */
function steady(count: number, more: (at: number) => Partial<RunRecord> = () => ({})): RunRecord[] {
  const random = randomOf(7);
  return Array.from({ length: count }, (_, at) => {
    const wobble = 0.8 + 0.4 * random();
    return runRecord({
      run: at + 1,
      cause: 'success',
      startedAt: new Date(Date.UTC(2026, 0, 1 + at, 3)).toISOString(),
      durationMs: Math.round(240_000 * wobble),
      bytes: Math.round(40_000 * wobble),
      metrics: { cost: 0.1 * wobble },
      sketch: (0x1000_0000 + at).toString(16).repeat(8),
      ...more(at),
    });
  });
}

const last = (runs: readonly RunRecord[]) => unusualOf(runs.at(-1) ?? {}, runs.slice(0, -1));
/** A history whose last run differs. */
const ending = (count: number, change: Partial<RunRecord>) =>
  last(steady(count + 1, at => (at === count ? change : {})));

describe('an unusual run', () => {
  test('is told with both numbers', () => {
    expect(ending(20, { durationMs: 41 * 60_000 })).toEqual([
      expect.stringMatching(/^took 41m, usually 3m\d\ds to 4m\d\ds$/),
    ]);
    expect(ending(20, { bytes: 1200 })).toEqual([
      expect.stringMatching(
        /^(?:2\.\d|3|3\.\d)% of the usual output \(1\.17K, usually 3\d(?:\.\d)?K to 4\d(?:\.\d)?K\)$/,
      ),
    ]);
    expect(ending(20, { metrics: { cost: 0.5 } })).toEqual([
      expect.stringMatching(/^cost (?:4|5)(?:\.\d)? times the usual \(0\.5, usually 0\.08\d? to 0\.1\d?\)$/),
    ]);
    expect(ending(20, { durationMs: 900 })).toEqual([expect.stringMatching(/^took 900ms, usually 3m/)]);
  });

  test('is not told before eight runs have ended', () => {
    expect(ending(7, { durationMs: 41 * 60_000 })).toEqual([]);
    expect(ending(8, { durationMs: 41 * 60_000 })).toHaveLength(1);
  });

  test('is one that ended with success, held against those that did', () => {
    expect(ending(20, { durationMs: 41 * 60_000, cause: 'crash' })).toEqual([]);
    const long = (at: number) => (at % 2 === 0 ? { durationMs: 41 * 60_000, cause: 'crash' as const } : {});
    expect(last(steady(30, at => (at === 29 ? { durationMs: 41 * 60_000 } : long(at))))).toHaveLength(1);
  });

  test('of a job with busy weekdays is one that took as long on a quiet day, and a busy one that took as little', () => {
    const busy = (at: number) => new Date(Date.UTC(2026, 0, 1 + at)).getUTCDay() % 6 !== 0;
    const job = (count: number, odd: number) =>
      last(
        steady(count, at => ({
          durationMs: (busy(at) !== (at === odd) ? 40 : 4) * 60_000 + 1000 * (at % 9),
        })),
      );
    // The 80th day after a Thursday is a Sunday, the 81st a Monday.
    expect(job(81, -1)).toEqual([]);
    expect(job(81, 80)).toEqual([expect.stringMatching(/^took 40m.*, usually 4m(?:\d\ds)? to 4m\d\ds$/)]);
    expect(job(82, -1)).toEqual([]);
    expect(job(82, 81)).toEqual([expect.stringMatching(/^took 4m.*, usually 40m(?:\d\ds)? to 40m\d\ds$/)]);
  });

  test('has to be farther off where others were unusual in the last month', () => {
    const long = (at: number, minutes: number) => ({ durationMs: minutes * 60_000 + at * 1000 });
    const job = (minutes: number, before: readonly number[]) =>
      last(steady(60, at => (at === 59 ? long(at, minutes) : before.includes(at) ? long(at, 12 + at / 4) : {})));
    expect(job(26, [])).toHaveLength(1);
    expect(job(26, [10])).toHaveLength(1);
    expect(job(29, [50])).toEqual([]);
    expect(job(90, [50])).toHaveLength(1);
  });

  test('is reported once: what came before is not said again', () => {
    expect(last(steady(30, at => (at === 20 || at === 29 ? { bytes: 900 } : {})))).toEqual([]);
  });

  test('of a job whose Mondays are long is a long Tuesday, and no long Monday', () => {
    const monday = (at: number) => new Date(Date.UTC(2026, 0, 1 + at)).getUTCDay() === 1;
    const job = (count: number, also: number) =>
      last(steady(count, at => (monday(at) || at === also ? { durationMs: 45 * 60_000 + at * 1000 } : {})));
    // The 81st day after a Thursday is a Monday.
    expect(job(82, -1)).toEqual([]);
    expect(job(83, 82)).toEqual([expect.stringMatching(/^took 46m\d\ds, usually 3m/)]);
  });

  test('lies between two modes, where no run ever was', () => {
    const bytes = (at: number) => (at % 3 === 0 ? 200 + at : 50_000 + 100 * at);
    expect(last(steady(40, at => ({ bytes: at === 39 ? 3000 : bytes(at) })))).toHaveLength(1);
    expect(last(steady(40, at => ({ bytes: bytes(at) })))).toEqual([]);
  });

  test('is the fifth in a row with the same text, once, and only of a job that seldom repeats itself', () => {
    const text = { sketch: 'ab'.repeat(32), bytes: 40_000 };
    const runs = steady(30, at => (at >= 23 ? text : {}));
    const told = unusualOfLast(runs, 30).flatMap((reasons, at) => reasons.map(reason => `${at}: ${reason}`));
    expect(told).toEqual(['27: the same text as the last 4 runs']);
    expect(
      unusualOfLast(
        steady(30, () => text),
        30,
      ).flat(),
    ).toEqual([]);
    const quiet = steady(60, at => (at % 5 < 3 || at > 52 ? text : {}));
    expect(unusualOfLast(quiet, 60).flat()).toEqual([]);
  });

  test('is told of nothing that is missing, broken or of another type', () => {
    const odd = { cause: 'success', durationMs: 'x', bytes: null, metrics: 3, startedAt: 7, sketch: 4 };
    expect(
      unusualOf(
        odd,
        Array.from({ length: 20 }, () => odd),
      ),
    ).toEqual([]);
    expect(unusualOf({ cause: 'success' }, steady(20))).toEqual([]);
  });
});

/** All 1000 take a quarter of a minute: `AGENT_WATCH_HISTORIES=1000`. */
const JOBS = Number(process.env['AGENT_WATCH_HISTORIES'] ?? 150);
const jobs: readonly Job[] = Array.from({ length: JOBS }, (_, at) => jobOf(at + 1));

describe(`${JOBS} histories of ordinary jobs over three months`, () => {
  test('have at most one false alarm a month and job', () => {
    const perMonth = jobs.map(({ runs, days }) => {
      const told = unusualOfLast(runs, runs.length).filter(reasons => reasons.length > 0).length;
      return told / (days / 30);
    });
    expect(perMonth.reduce((sum, one) => sum + one) / JOBS).toBeLessThan(0.25);
    expect(perMonth.filter(one => one > 1)).toEqual([]);
  });

  // What varies more cannot be told from another ordinary run so often: docs/quality.md has the figures.
  test.each(
    Object.entries({
      'three hundredths of the output': [0.93, 0.87],
      'ten times the duration': [0.98, 0.89],
      'five times the cost': [0.98, 0.76],
      'one text five times': [1, 1],
    }),
  )('with %s are found at once', (name, [ofSteady = 1, ofAll = 1]) => {
    const repeats = name === 'one text five times';
    const concerned = jobs.map((job, at) => ({ job, at })).filter(({ job }) => job.varies || !repeats);
    const found = concerned.filter(({ job, at }) => {
      const { runs } = job;
      const from = 45 + Math.floor(randomOf(at + 1)() * (runs.length - 51));
      const planted = PLANTED[name]?.(runs, from) ?? [];
      return last([...runs.slice(0, from), ...planted]).length > 0;
    });
    const isSteady = ({ job }: { job: Job }) => job.noise <= 0.2 && job.mode <= 2.2;
    expect(found.filter(isSteady).length / concerned.filter(isSteady).length).toBeGreaterThanOrEqual(ofSteady);
    expect(found.length / concerned.length).toBeGreaterThanOrEqual(ofAll);
  });
});
