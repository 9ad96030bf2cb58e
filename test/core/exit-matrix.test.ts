import { describe, expect, test } from 'vitest';
import type { Exit, ExitCause, Policy, Signal } from '../../src/core/model.ts';
import { shellCode } from '../../src/core/signals.ts';
import { Bench } from './bench.ts';

const end = (how: number | Signal): Exit =>
  typeof how === 'number' ? { code: how, signal: null } : { code: null, signal: how };

/** What comes of an end: a restart, or the watcher's own code. */
type Next = 'restart' | number;
const RESTARTS = ['always', 'on-failure', 'never'] as const;

/** Rows: how it ended, which codes are success, the cause, and what comes under always, on-failure, never. */
const matrix: readonly [number | Signal, readonly number[], ExitCause, Next, Next, Next][] = [
  [0, [0], 'success', 'restart', 0, 0],
  [1, [0], 'crash', 'restart', 'restart', 1],
  [2, [0], 'crash', 'restart', 'restart', 2],
  [143, [0], 'crash', 'restart', 'restart', 143],
  ['SIGTERM', [0], 'crash', 'restart', 'restart', 143],
  ['SIGKILL', [0], 'crash', 'restart', 'restart', 137],
  ['SIGABRT', [0], 'crash', 'restart', 'restart', 134],
  ['SIGSEGV', [0], 'crash', 'restart', 'restart', 139],
  [0, [2], 'crash', 'restart', 'restart', 0],
  [1, [0, 2], 'crash', 'restart', 'restart', 1],
  [2, [0, 2], 'success', 'restart', 2, 2],
  [143, [0, 143], 'success', 'restart', 143, 143],
  // A success code is a code: a signal of the same number in a shell is none.
  ['SIGTERM', [0, 143], 'crash', 'restart', 'restart', 143],
  ['SIGKILL', [0, 137], 'crash', 'restart', 'restart', 137],
  [0, [], 'crash', 'restart', 'restart', 0],
];

describe.each(matrix)('an end by %s with success codes %j', (how, successCodes, cause, ...nexts) => {
  test.each(RESTARTS.map((restart, column) => [restart, nexts[column]] as const))('under %s: %s', (restart, next) => {
    const bench = new Bench({ restart, successCodes }).start().dies(5000, end(how));
    expect(bench.state.lastExit).toMatchObject({ ...end(how), cause, uptimeMs: 5000 });
    expect(outcome(bench)).toBe(next);
  });
});

describe('a success under always', () => {
  test('waits and counts like a crash unless the run was healthy; the first is explained', () => {
    const bench = new Bench({ flapThreshold: 3 }).start();
    expect(bench.dies(100, { code: 0 }).waitMs).toBe(1000);
    expect(bench.told('success-restarts')).toBe(1);
    expect(bench.waitOut().dies(100, { code: 0 }).waitMs).toBe(2000);
    expect(bench.waitOut().dies(100, { code: 0 }).phase).toBe('cooldown');
    expect(bench.told('success-restarts')).toBe(1);
  });

  test('of a healthy run waits the first wait each time, and counts for nothing', () => {
    const bench = new Bench({ flapThreshold: 3 }).start();
    for (let round = 0; round < 10; round++) {
      expect(bench.dies(120_000, { code: 0 }).waitMs).toBe(1000);
      expect(bench.state).toMatchObject({ crashes: [], backoffStep: 0 });
      bench.waitOut();
    }
    expect(bench.dies(100).waitMs).toBe(1000);
  });

  test('of a healthy run goes by no cooldown, though crashes fill the window', () => {
    const bench = new Bench({ flapThreshold: 2, healthyAfterMs: 1000, flapWindowMs: 60_000 }).start();
    bench.dies(100).waitOut();
    bench.state = { ...bench.state, crashes: [...bench.state.crashes, ...bench.state.crashes] };
    expect(bench.dies(2000, { code: 0 }).phase).toBe('backoff');
  });
});

describe('--expect-duration', () => {
  const policy: Partial<Policy> = { restart: 'on-failure', expectDurationMs: 100_000 };

  test.each([
    [79_999, 'crash', 'restart'],
    [80_000, 'success', 1],
    [200_000, 'success', 1],
  ] as const)('an exit with code 1 after %d ms is a %s', (livedMs, cause, next) => {
    const bench = new Bench(policy).start().dies(livedMs);
    expect(bench.state.lastExit?.cause).toBe(cause);
    expect(outcome(bench)).toBe(next);
  });

  test('whatever its code, a signal included; a success code stays one at any time', () => {
    expect(new Bench(policy).start().dies(80_000, { signal: 'SIGSEGV' }).state.lastExit?.cause).toBe('success');
    expect(new Bench(policy).start().dies(1, { code: 0 }).state.lastExit?.cause).toBe('success');
  });
});

test('an unknown exit status is code 1 to a shell', () => {
  expect(shellCode({ code: null, signal: null })).toBe(1);
});

/** The watcher's code if it ends, else that the child will be started again. */
function outcome(bench: Bench): Next {
  const exit = bench.effects.find(effect => effect.type === 'exit-watcher');
  if (exit !== undefined) return exit.code;
  bench.waitOut();
  expect(bench.phase).toBe('running');
  return 'restart';
}
