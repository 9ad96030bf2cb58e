import { describe, expect, test } from 'vitest';
import type { EndReading } from '../../src/core/events.ts';
import { Bench } from './bench.ts';

const same: EndReading = { cause: null, limit: null, line: null, success: null, why: null, same: true };
const failed = { code: 1 };
const afterMs = 180_000;

/** Dies after three minutes of silence, each time like the one before. */
function deadLogin(times: number): { bench: Bench; waits: number[]; ordered: string[] } {
  const bench = new Bench().start();
  const waits: number[] = [];
  const ordered: string[] = [];
  for (let run = 0; run < times; run++) {
    bench.effects = [];
    bench.pass(afterMs);
    ordered.push(...bench.effects.map(({ type }) => type));
    bench.dies(0, failed, run === 0 ? null : same);
    ordered.push(...bench.effects.map(({ type }) => type));
    waits.push(bench.waitMs);
    bench.waitOut();
  }
  return { bench, waits, ordered };
}

describe('a run that got healthy by time and ends like the one before', () => {
  test('proves nothing: the waits grow, one incident counts on and never recovers', () => {
    const { bench, waits, ordered } = deadLogin(8);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128].map(seconds => seconds * 1000));
    expect(ordered.filter(type => type === 'open-incident')).toHaveLength(1);
    expect(ordered.filter(type => type === 'reopen-incident')).toHaveLength(7);
    expect(ordered).not.toContain('close-incident');
    expect(bench.told('relapsed')).toBe(1);
  });

  test('never counts for --max-restarts', () => {
    const bench = new Bench({ maxRestarts: 2 }).start();
    for (let run = 0; run < 6; run++) bench.dies(afterMs, failed, same).waitOut();
    expect(bench.phase).toBe('running');
  });

  test('is a recovery and a new incident if it lived ten times --healthy-after', () => {
    const bench = new Bench().start().dies(afterMs, failed).waitOut();
    bench.dies(1_200_000, failed, same);
    expect(bench.waitMs).toBe(1000);
    expect(bench.ordered('open-incident')).toBe(1);
  });
});

test('after a crash that came sooner, --healthy-after is a recovery', () => {
  const bench = new Bench().start().dies(10, failed).waitOut();
  bench.effects = [];
  bench.pass(120_000);
  expect(bench.ordered('close-incident')).toBe(1);
});

test('after a crash that came later, half as long again as that run is a recovery', () => {
  const bench = new Bench().start().dies(afterMs, failed).waitOut();
  bench.effects = [];
  bench.pass(1.5 * afterMs - 1);
  expect(bench.ordered('close-incident')).toBe(0);
  expect(bench.state.phase).toMatchObject({ live: { healthy: true } });
  bench.pass(1);
  expect(bench.ordered('close-incident')).toBe(1);
});
