import { describe, expect, test } from 'vitest';
import type { Hold, Policy } from '../../src/core/model.ts';
import { Bench } from './bench.ts';

describe('--max-restarts', () => {
  const policy: Partial<Policy> = { flapThreshold: 0, backoffMs: 1 };

  test.each([0, 1, 3])('%d restarts in a row without a healthy run, then it holds', maxRestarts => {
    const bench = new Bench({ ...policy, maxRestarts }).start();
    for (let restart = 0; restart < maxRestarts; restart++) {
      expect(bench.dies(10).phase).toBe('backoff');
      bench.waitOut();
    }
    bench.dies(10);
    expect(bench.state.phase).toMatchObject({ kind: 'held', hold: { cause: 'max-restarts', at: bench.wall } });
    expect(bench.effects.map(effect => effect.type)).toContain('write-hold');
    expect(bench.pass(1e9).phase).toBe('held');
  });

  test('a healthy run begins the row anew; one that dies just before does not', () => {
    const bench = new Bench({ ...policy, maxRestarts: 2, healthyAfterMs: 5000 }).start();
    for (let round = 0; round < 5; round++) {
      bench.dies(10).waitOut();
      bench.dies(5000).waitOut();
    }
    bench.dies(10).waitOut();
    expect(bench.dies(4999).phase).toBe('held');
  });

  test('reset lifts it and begins the row anew', () => {
    const bench = new Bench({ ...policy, maxRestarts: 1 }).start();
    bench.dies(10).waitOut().dies(10);
    expect(bench.take({ type: 'reset-requested', by: 'command' }).ordered('lift-hold')).toBe(1);
    expect(bench.phase).toBe('running');
    expect(bench.dies(10).phase).toBe('backoff');
    expect(bench.waitOut().dies(10).phase).toBe('held');
  });

  test('a restart that was requested does not count', () => {
    const bench = new Bench({ ...policy, maxRestarts: 1 }).start();
    for (let round = 0; round < 5; round++) {
      bench.take({ type: 'restart-requested', by: 'command' });
      expect(bench.dies(10, { signal: 'SIGTERM' }).phase).toBe('running');
    }
  });
});

describe('--hold-codes', () => {
  test.each(['always', 'on-failure', 'never'] as const)('under %s: it holds, and stays', restart => {
    const bench = new Bench({ restart, holdCodes: [78, 0] }).start().dies(10, { code: 78 });
    expect(bench.state.phase).toMatchObject({ kind: 'held', hold: { cause: 'hold-code' } });
    expect(bench.ordered('exit-watcher')).toBe(0);
  });

  test.each(['always', 'on-failure', 'never'] as const)(
    'under %s with --on-hold exit: 69, the hold written',
    restart => {
      const bench = new Bench({ restart, holdCodes: [78], onHold: 'exit' }).start().dies(10, { code: 78 });
      expect(bench.effects.filter(({ type }) => type === 'exit-watcher' || type === 'write-hold')).toEqual([
        { type: 'write-hold', hold: expect.objectContaining({ cause: 'hold-code' }) as Hold },
        { type: 'exit-watcher', code: 69 },
      ]);
    },
  );

  test('a success code that is named holds too; a code that is not named does not', () => {
    expect(new Bench({ holdCodes: [0] }).start().dies(10, { code: 0 }).phase).toBe('held');
    expect(new Bench({ holdCodes: [78] }).start().dies(10, { code: 1 }).phase).toBe('backoff');
    expect(new Bench({ holdCodes: [9] }).start().dies(10, { signal: 'SIGKILL' }).phase).toBe('backoff');
  });

  test('a code that answers our own signal is no choice of the child', () => {
    const bench = new Bench({ holdCodes: [1], maxRuntimeMs: 1000 }).start().pass(1000);
    expect(bench.dies(10, { code: 1 }).phase).toBe('backoff');
    bench.waitOut().take({ type: 'restart-requested', by: 'command' });
    expect(bench.dies(10, { code: 1 }).phase).toBe('running');
  });
});

describe('--max-runtime', () => {
  test('a longer run is stopped and counted', () => {
    const bench = new Bench({ maxRuntimeMs: 60_000 }).start().pass(59_999);
    expect(bench.phase).toBe('running');
    expect(bench.pass(1).state.phase).toMatchObject({ kind: 'stopping', cause: 'limit' });
    expect(bench.dies(10, { code: 0 }).waitMs).toBe(1000);
    expect(bench.state).toMatchObject({ lastExit: { cause: 'limit' }, restartsInRow: 1 });
    expect(bench.state.crashes).toHaveLength(1);
  });

  test('under on-failure it is started again, whatever it answered', () => {
    const bench = new Bench({ restart: 'on-failure', maxRuntimeMs: 60_000 }).start().pass(60_000);
    expect(bench.dies(10, { code: 0 }).phase).toBe('backoff');
  });

  test('under never the watcher ends with what the child answered', () => {
    const bench = new Bench({ restart: 'never', maxRuntimeMs: 60_000 }).start().pass(60_000);
    expect(bench.dies(10, { signal: 'SIGTERM' }).effects).toContainEqual({ type: 'exit-watcher', code: 143 });
  });
});

describe('a start that fails', () => {
  const failed = (
    bench: Bench,
    kind: 'command-missing' | 'not-executable' | 'interpreter-missing' | 'cwd-missing' | 'other',
  ) => {
    const { phase } = bench.state;
    if (phase.kind !== 'starting') throw new Error(`not starting but ${phase.kind}`);
    return bench.take({ type: 'spawn-failed', runId: phase.runId, failure: { kind, why: 'x' } });
  };
  const starting = (policy: Partial<Policy> = {}) => {
    const bench = new Bench(policy);
    bench.obeys = false;
    return bench.start();
  };
  const kinds = [
    ['command-missing', 127],
    ['interpreter-missing', 127],
    ['not-executable', 126],
    ['cwd-missing', 125],
  ] as const;

  test.each(kinds)('%s, the first ever: the watcher ends with %d', (kind, code) => {
    const bench = failed(starting(), kind);
    expect(bench.effects).toContainEqual({ type: 'exit-watcher', code });
    expect(bench.notes.at(-1)).toMatchObject({ kind: 'start-failed', next: { kind: 'finish', code } });
  });

  test.each(kinds)('%s, later: a crash like any other', kind => {
    const bench = new Bench().start().dies(10);
    bench.obeys = false;
    failed(bench.waitOut(), kind);
    expect(bench.waitMs).toBe(2000);
    expect(bench.state.crashes).toHaveLength(2);
    expect(bench.state.lastExit).toMatchObject({ code: null, signal: null, cause: 'crash' });
  });

  test('later, of another command: the first ever of that command', () => {
    const before = new Bench().start().dies(10);
    const bench = new Bench({}, before.state);
    bench.obeys = false;
    bench.start({ newCommand: true }).waitOut();
    expect(failed(bench, 'command-missing').effects).toContainEqual({ type: 'exit-watcher', code: 127 });
  });

  test('for want of a resource, be it the first: a crash like any other', () => {
    const bench = failed(starting(), 'other');
    expect(bench.waitMs).toBe(1000);
    expect(bench.ordered('exit-watcher')).toBe(0);
  });

  test.each(kinds)('%s, later under never: the watcher ends with %d', (kind, code) => {
    const before = new Bench().start().dies(10);
    const bench = new Bench({ restart: 'never' }, before.state);
    bench.obeys = false;
    bench.start().waitOut();
    expect(failed(bench, kind).effects).toContainEqual({ type: 'exit-watcher', code });
  });

  test('while a stop waits for it: the stop, with 0', () => {
    const bench = starting().take({ type: 'stop-requested', by: 'command', signal: null, now: false });
    expect(failed(bench, 'command-missing').effects).toContainEqual({ type: 'exit-watcher', code: 0 });
  });
});
