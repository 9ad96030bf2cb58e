import { describe, expect, test } from 'vitest';
import { Bench } from './bench.ts';

const HEALTHY = 120_000;

/** A bench whose child has crashed three times: the next wait is 8 s. */
function troubled(): Bench {
  const bench = new Bench({ flapThreshold: 0 }).start();
  for (let crash = 0; crash < 3; crash++) bench.dies(100).waitOut();
  return bench;
}

describe('the reset of the backoff', () => {
  test.each([
    [0, 8000],
    [1000, 8000],
    [HEALTHY - 1, 8000],
    [HEALTHY, 1000],
    [HEALTHY + 1, 1000],
    [100 * HEALTHY, 1000],
  ])('after %d ms up the wait is %d', (livedMs, waitMs) => {
    expect(troubled().dies(livedMs).waitMs).toBe(waitMs);
  });

  test('a mere start resets nothing: just under healthy-after, five times', () => {
    const bench = new Bench({ flapThreshold: 0 }).start();
    const waits = [1, 2, 3, 4, 5].map(() => {
      const { waitMs } = bench.dies(HEALTHY - 1);
      bench.waitOut();
      return waitMs;
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
  });

  test('a long life whose end is known before its timer has fired was a long life', () => {
    const bench = troubled();
    bench.timers.clear();
    expect(bench.dies(HEALTHY).waitMs).toBe(1000);
    expect(bench.told('healthy')).toBe(1);
    expect(bench.state.slowDeaths).toHaveLength(1);
  });

  test('the same when it ends because it is stopped for its runtime', () => {
    const bench = new Bench({ flapThreshold: 0, maxRuntimeMs: HEALTHY }).start();
    bench.dies(100).waitOut();
    bench.pass(HEALTHY);
    expect(bench.phase).toBe('stopping');
    expect(bench.dies(10).waitMs).toBe(1000);
  });

  test('time spent in being stopped makes nothing healthy', () => {
    const bench = new Bench({ flapThreshold: 0, maxRuntimeMs: HEALTHY - 1000, stopTimeoutMs: 60_000 }).start();
    bench.dies(100).waitOut();
    bench.pass(HEALTHY - 1000);
    expect(bench.dies(30_000).waitMs).toBe(2000);
  });

  test('it is reported once, with whether it changed anything', () => {
    const bench = troubled();
    bench.pass(10 * HEALTHY);
    expect(bench.notes.filter(note => note.kind === 'healthy')).toEqual([
      { kind: 'healthy', uptimeMs: HEALTHY, resets: true },
    ]);
  });
});

describe('a slow crash loop', () => {
  /** Lives past healthy-after and dies, with so long from one death to the next. */
  function deaths(bench: Bench, count: number, everyMs: number): void {
    for (let death = 0; death < count; death++) bench.dies(everyMs - 1000).waitOut();
  }

  test('is reported at the fifth death in 6 h and not before', () => {
    const bench = new Bench().start();
    deaths(bench, 4, 130_000 + 1000);
    expect(bench.told('slow-loop')).toBe(0);
    deaths(bench, 1, 130_000 + 1000);
    expect(bench.told('slow-loop')).toBe(1);
    expect(bench.phase).toBe('running');
    deaths(bench, 4, 130_000 + 1000);
    expect(bench.told('slow-loop')).toBe(1);
    deaths(bench, 1, 130_000 + 1000);
    expect(bench.told('slow-loop')).toBe(2);
  });

  test.each([
    [5_400_000 - 1, 1],
    [5_400_000, 0],
  ])('a death every %d ms: told %d times', (everyMs, told) => {
    const bench = new Bench().start();
    deaths(bench, 6, everyMs);
    expect(bench.told('slow-loop')).toBe(told);
  });

  test('short lives are none', () => {
    const bench = new Bench().start();
    for (let death = 0; death < 20; death++) bench.dies(1000).waitOut();
    expect(bench.told('slow-loop')).toBe(0);
  });
});
