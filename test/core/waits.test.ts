import { describe, expect, test } from 'vitest';
import { backoffWait } from '../../src/core/waits.ts';
import { Bench, DEFAULT_POLICY } from './bench.ts';

/** The waits of a child that dies that long after each start. */
function waits(bench: Bench, count: number, livesMs: number): number[] {
  return Array.from({ length: count }, () => {
    bench.dies(livesMs);
    const { waitMs } = bench;
    if (waitMs > 0) {
      bench.pass(waitMs - 1);
      expect(bench.phase).not.toBe('running');
      bench.pass(1);
    }
    expect(bench.phase).toBe('running');
    return waitMs;
  });
}

describe('backoff', () => {
  test('the first twelve waits of a child that always fails', () => {
    const bench = new Bench({ flapThreshold: 0 }).start();
    const seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];
    expect(waits(bench, 12, 1000)).toEqual(seconds.map(s => s * 1000));
    expect(waits(bench, 3, 1000)).toEqual([3_600_000, 3_600_000, 3_600_000]);
  });

  test.each([
    [{ backoffMs: 500, backoffFactor: 3 }, [500, 1500, 4500, 13_500]],
    [{ backoffFactor: 1 }, [1000, 1000, 1000, 1000]],
    [{ backoffFactor: 1.5 }, [1000, 1500, 2250, 3375]],
    [{ backoffMaxMs: 3000 }, [1000, 2000, 3000, 3000]],
    [{ backoffMs: 5000, backoffMaxMs: 3000 }, [3000, 3000, 3000, 3000]],
  ])('%j', (policy, expected) => {
    expect(waits(new Bench({ ...policy, flapThreshold: 0 }).start(), 4, 1000)).toEqual(expected);
  });

  test.each([
    [0, 1000],
    [0.5, 1100],
    [0.999_999, 1200],
  ])('jitter: a roll of %d adds its part of the share', (roll, expected) => {
    expect(backoffWait({ ...DEFAULT_POLICY, jitter: 0.2 }, 0, 0, roll)).toBe(expected);
  });

  test('jitter still spreads what sits at the cap', () => {
    expect(backoffWait({ ...DEFAULT_POLICY, jitter: 0.5 }, 50, 0, 0.5)).toBe(4_500_000);
  });

  test.each([0, 1, 1000])('however many steps, a wait is a number: first wait %d ms', backoffMs => {
    const policy = { ...DEFAULT_POLICY, backoffMs };
    for (const step of [0, 1, 1023, 1024, 5000, 100_000])
      expect(backoffWait(policy, step, 0, 0.5)).toBe(Math.min(backoffMs * 2 ** step || 0, policy.backoffMaxMs));
  });
});

describe('0ms', () => {
  test('starts at once; after 100 runs under a second the shortest backoff is now 20 ms, reported once', () => {
    const bench = new Bench({ backoffMs: 0, flapThreshold: 0 }).start();
    expect(waits(bench, 99, 5)).toEqual(Array(99).fill(0));
    expect(bench.told('wait-floor')).toBe(0);
    expect(waits(bench, 2000, 5)).toEqual(Array(2000).fill(20));
    expect(bench.told('wait-floor')).toBe(1);
  });

  test('one run of a second starts the count anew', () => {
    const bench = new Bench({ backoffMs: 0, flapThreshold: 0 }).start();
    waits(bench, 99, 999);
    expect(waits(bench, 1, 1000)).toEqual([0]);
    expect(waits(bench, 99, 999)).toEqual(Array(99).fill(0));
    expect(waits(bench, 1, 999)).toEqual([20]);
  });

  test('a longer wait is not raised, and no floor is reported', () => {
    const bench = new Bench({ backoffMs: 20, backoffFactor: 1, flapThreshold: 0 }).start();
    expect(waits(bench, 120, 5)).toEqual(Array(120).fill(20));
    expect(bench.told('wait-floor')).toBe(0);
  });
});

describe('flap', () => {
  test('5 crashes in 5 minutes: one cooldown of 10, then a fresh slate, every time', () => {
    const bench = new Bench().start();
    for (let round = 0; round < 4; round++) {
      expect(waits(bench, 5, 100)).toEqual([1000, 2000, 4000, 8000, 600_000]);
      expect(bench.state).toMatchObject({ crashes: [], backoffStep: 0 });
    }
  });

  test('the cooldown is named with its numbers', () => {
    const bench = new Bench().start();
    waits(bench, 4, 100);
    bench.dies(100);
    expect(bench.phase).toBe('cooldown');
    expect(bench.notes.at(-1)).toMatchObject({
      kind: 'exited',
      next: { kind: 'cooldown', crashes: 5, windowMs: 300_000, inMs: 600_000 },
    });
  });

  test.each([
    [299_999, 'cooldown'],
    [300_000, 'running'],
  ])('a fifth crash %d ms after the first', (spanMs, phase) => {
    const bench = new Bench({ backoffMs: 0, healthyAfterMs: 1e9 }).start();
    for (let crash = 0; crash < 4; crash++) bench.dies(crash === 0 ? 1 : 1000);
    bench.dies(spanMs - 3000);
    expect(bench.phase).toBe(phase);
  });

  test('crashes of healthy runs count for it', () => {
    const bench = new Bench({ healthyAfterMs: 10_000 }).start();
    expect(waits(bench, 5, 20_000)).toEqual([1000, 1000, 1000, 1000, 600_000]);
  });

  test('a threshold of one cools down after every crash', () => {
    const bench = new Bench({ flapThreshold: 1 }).start();
    expect(waits(bench, 3, 100)).toEqual([600_000, 600_000, 600_000]);
  });

  test('what a person asked for is no crash', () => {
    const bench = new Bench().start();
    for (let round = 0; round < 20; round++) {
      bench.take({ type: 'restart-requested', by: 'command' });
      bench.dies(10, { signal: 'SIGTERM' });
      expect(bench.phase).toBe('running');
    }
    expect(bench.state).toMatchObject({ crashes: [], backoffStep: 0, restartsInRow: 0 });
  });
});
