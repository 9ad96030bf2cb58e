import { describe, expect, test } from 'vitest';
import type { Asker, Effect } from '../../src/core/events.ts';
import type { Signal } from '../../src/core/model.ts';
import { whyNoRestart } from '../../src/core/requests.ts';
import { Bench } from './bench.ts';
import { CONTEXTS, PHASES } from './canonical.ts';

const stop = (given: { signal?: Signal | null; now?: boolean; by?: Asker } = {}) =>
  ({ type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false, ...given }) as const;
const reset = { type: 'reset-requested', by: 'command' } as const;
const restart = { type: 'restart-requested', by: 'command' } as const;

const signals = (effects: readonly Effect[]) =>
  effects.flatMap(effect => (effect.type === 'signal-tree' ? [effect.signal] : []));
const sent = (effects: readonly Effect[]) =>
  effects.flatMap(effect => (effect.type === 'signal-tree' ? [`${effect.signal} to ${effect.to}`] : []));
const exitCode = (bench: Bench) => bench.effects.find(effect => effect.type === 'exit-watcher')?.code ?? null;

describe('the signal of a stop', () => {
  test.each([
    [stop(), {}, 'SIGTERM'],
    [stop({ signal: null, by: 'command' }), {}, 'SIGTERM'],
    [stop({ signal: 'SIGINT' }), {}, 'SIGINT'],
    [stop({ signal: 'SIGINT' }), { stopSignal: 'SIGQUIT', stopSignalGiven: true }, 'SIGQUIT'],
    [stop({ signal: 'SIGHUP' }), {}, 'SIGTERM'],
    [stop({ signal: null }), { stopSignal: 'SIGUSR2', stopSignalGiven: true }, 'SIGUSR2'],
  ] as const)('%j with %j sends %s', (fact, policy, signal) => {
    expect(signals(new Bench(policy).start().take(fact).effects)).toEqual([signal]);
  });
});

describe('a stop while it runs', () => {
  test('the main process, at half of the grace the rest, then SIGKILL, again each second until the child is gone, then 0', () => {
    const bench = new Bench({ stopTimeoutMs: 5000 }).start().take(stop());
    expect(sent(bench.pass(2499).effects)).toEqual(['SIGTERM to main']);
    expect(sent(bench.pass(1).effects)).toEqual(['SIGTERM to main', 'SIGTERM to tree']);
    expect(sent(bench.pass(2499).effects)).toHaveLength(2);
    const all = ['SIGTERM to main', 'SIGTERM to tree', 'SIGKILL to tree'];
    expect(sent(bench.pass(1).effects)).toEqual(all);
    expect(sent(bench.pass(3000).effects)).toEqual([...all, ...Array(3).fill('SIGKILL to tree')]);
    expect(bench.told('killing')).toBe(1);
    bench.dies(10, { signal: 'SIGKILL' });
    expect(bench.state.lastExit?.cause).toBe('stopped');
    expect(exitCode(bench)).toBe(0);
  });

  test.each(['always', 'on-failure', 'never'] as const)('under %s with a code of its own: 0', mode => {
    expect(exitCode(new Bench({ restart: mode }).start().take(stop()).dies(10, { code: 3 }))).toBe(0);
  });

  test('with --stop-to tree all get the signal at once, and SIGKILL when the grace is over', () => {
    const bench = new Bench({ stopTimeoutMs: 500, stopTo: 'tree' }).start().take(stop());
    expect(sent(bench.pass(499).effects)).toEqual(['SIGTERM to tree']);
    expect(sent(bench.pass(1).effects)).toEqual(['SIGTERM to tree', 'SIGKILL to tree']);
  });

  test('a short grace ends the main process in time; the rest has two seconds from its own signal', () => {
    const bench = new Bench({ stopTimeoutMs: 1000 }).start().take(stop());
    const whole = ['SIGTERM to main', 'SIGTERM to tree', 'SIGKILL to main', 'SIGKILL to main', 'SIGKILL to tree'];
    expect(sent(bench.pass(1000).effects)).toEqual(whole.slice(0, 3));
    expect(sent(bench.pass(1499).effects)).toEqual(whole.slice(0, 4));
    expect(sent(bench.pass(1).effects)).toEqual(whole);
    expect(bench.told('killing')).toBe(1);
  });

  test.each([
    // The main process has gone before the rest was asked: now it is, for two seconds at least.
    [{ stopTimeoutMs: 5000 }, 2000, { signal: 'SIGTERM', graceMs: 3000 }],
    [{ stopTimeoutMs: 5000 }, 2499, { signal: 'SIGTERM', graceMs: 2501 }],
    [{ stopTimeoutMs: 1000 }, 100, { signal: 'SIGTERM', graceMs: 2000 }],
    // It was asked at half.
    [{ stopTimeoutMs: 10_000 }, 6000, { signal: null, graceMs: 4000 }],
    [{ stopTimeoutMs: 1000 }, 700, { signal: null, graceMs: 1800 }],
    [{ stopTimeoutMs: 1000 }, 1100, { signal: null, graceMs: 1400 }],
    [{ stopTimeoutMs: 5000, stopTo: 'tree' }, 2000, { signal: null, graceMs: 3000 }],
    [{ stopTimeoutMs: 0 }, 100, { signal: null, graceMs: 0 }],
  ] as const)('with %j a main process that ends after %d ms leaves the rest %j', (policy, afterMs, expected) => {
    const bench = new Bench(policy).start().take(stop());
    bench.obeys = false;
    bench.dies(afterMs, { code: 0 });
    expect(bench.effects).toContainEqual(expect.objectContaining({ type: 'clear-run', ...expected }));
    expect(exitCode(bench)).toBeNull();
  });

  test('after a SIGKILL nothing more of it', () => {
    const bench = new Bench({ stopTimeoutMs: 5000 }).start().take(stop({ now: true }));
    bench.obeys = false;
    bench.dies(1, { signal: 'SIGKILL' });
    expect(bench.effects).toContainEqual(expect.objectContaining({ type: 'clear-run', graceMs: 0 }));
  });
});

describe('a second request to stop', () => {
  test('fifty TERMs change nothing', () => {
    const bench = new Bench().start().take(stop());
    const before = bench.state;
    for (let again = 0; again < 50; again++) expect(bench.pass(50).take(stop()).effects).toEqual([]);
    expect(bench.state).toEqual(before);
  });

  test.each([
    [999, []],
    [1000, ['SIGKILL']],
    [5000, ['SIGKILL']],
  ])('SIGINT %d ms after the first', (afterMs, expected) => {
    const bench = new Bench()
      .start()
      .take(stop({ signal: 'SIGINT' }))
      .pass(afterMs);
    expect(signals(bench.take(stop({ signal: 'SIGINT' })).effects)).toEqual(expected);
  });

  test('SIGINT a second after a TERM kills too; a TERM after a SIGINT does not', () => {
    const first = new Bench().start().take(stop()).pass(1000);
    expect(signals(first.take(stop({ signal: 'SIGINT' })).effects)).toEqual(['SIGKILL']);
    const second = new Bench()
      .start()
      .take(stop({ signal: 'SIGINT' }))
      .pass(1000);
    expect(signals(second.take(stop()).effects)).toEqual([]);
  });

  test.each([0, 1, 5000])('--now %d ms after the first kills at once', afterMs => {
    const bench = new Bench().start().take(stop()).pass(afterMs);
    expect(signals(bench.take(stop({ now: true })).effects)).toEqual(['SIGKILL']);
  });

  test('--now from the start asks and kills in one', () => {
    expect(signals(new Bench().start().take(stop({ now: true })).effects)).toEqual(['SIGTERM', 'SIGKILL']);
  });

  test('reaches what an ended child left', () => {
    const bench = new Bench().start().take(stop());
    bench.obeys = false;
    bench.dies(10, { code: 0 });
    expect(signals(bench.take(stop({ now: true })).effects)).toEqual(['SIGKILL']);
  });
});

describe('a stop while it starts', () => {
  function starting(): Bench {
    const bench = new Bench();
    bench.obeys = false;
    return bench.start();
  }
  const up = (bench: Bench) => bench.take({ type: 'child-spawned', runId: bench.runId, pid: 5, startTicks: 9 });

  test('is carried out as soon as the child is up', () => {
    const bench = starting().take(stop({ signal: 'SIGINT' }));
    expect(bench.phase).toBe('starting');
    expect(signals(up(bench).effects)).toEqual(['SIGINT']);
    expect(bench.phase).toBe('stopping');
  });

  test.each([
    ['at once', (bench: Bench) => bench.take(stop({ now: true }))],
    ['by a second request', (bench: Bench) => bench.take(stop()).take(stop({ now: true }))],
    [
      'by a second Ctrl-C',
      (bench: Bench) =>
        bench
          .take(stop())
          .pass(1000)
          .take(stop({ signal: 'SIGINT' })),
    ],
  ])('--now, %s: no grace', (_how, ask) => {
    const bench = up(ask(starting()));
    expect(signals(bench.effects)).toEqual(['SIGTERM', 'SIGKILL']);
    expect(bench.state.phase).toMatchObject({ kind: 'stopping', killed: 'tree' });
  });
});

describe('a stop while its own limit ends the run', () => {
  const stopped = (how: Parameters<typeof stop>[0]) =>
    new Bench({ maxRuntimeMs: 1000, resumes: true }).start().pass(1000).take(stop(how)).dies(10, { signal: 'SIGTERM' });

  test('by a person ends the story; by a TERM the crash stays', () => {
    const byPerson = stopped({ by: 'command', signal: null }).state;
    expect(byPerson).toMatchObject({ phase: { kind: 'stopped' }, crashes: [], resumeNext: false });
    expect(stopped({}).state).toMatchObject({ phase: { kind: 'stopped' }, crashes: [expect.any(Number)] });
  });
});

describe('a stop while it waits for a scheduled run', () => {
  test.each([
    ['a TERM: the next watcher runs what fell due meanwhile', stop(), 'waiting', PHASES.waiting.due],
    ['a person: planned anew', stop({ by: 'command', signal: null }), 'stopped', null],
  ] as const)('by %s', (_who, ask, phase, due) => {
    const bench = new Bench({ scheduled: true }, CONTEXTS.plain('waiting')).start();
    const { state } = bench.take({ type: 'run-planned', due: PHASES.waiting.due, waitMs: 1000 }).take(ask);
    expect(state.phase.kind).toBe(phase);
    expect(exitCode(bench)).toBe(0);
    const next = new Bench({ scheduled: true }, state).start();
    expect(next.effects).toContainEqual(expect.objectContaining({ type: 'plan-run', due }));
  });
});

describe('a stop while nothing runs', () => {
  const down: [string, () => Bench][] = [
    ['backoff', () => new Bench().start().dies(10)],
    ['cooldown', () => new Bench({ flapThreshold: 1 }).start().dies(10)],
    ['held', () => new Bench({ holdCodes: [1] }).start().dies(10)],
  ];

  test.each(down)('%s: ends at once with 0, and nothing is started or armed any more', (_phase, make) => {
    const bench = make().take(stop());
    expect(exitCode(bench)).toBe(0);
    expect(bench.timers.size).toBe(0);
  });

  test.each(down)('%s with leftovers of the last run: ends when they are ended', (_phase, make) => {
    const bench = make().take(reset);
    bench.obeys = false;
    const { runId } = bench;
    bench.dies(10, { code: 1 }).take(stop());
    expect(exitCode(bench)).toBeNull();
    expect(bench.pass(1e7).ordered('spawn-child')).toBe(0);
    expect(exitCode(bench.take({ type: 'run-cleared', runId, ended: 1 }))).toBe(0);
  });

  test('a hold stays one', () => {
    const bench = new Bench({ holdCodes: [1] }).start().dies(10).take(stop());
    expect(bench.phase).toBe('held');
    expect(bench.ordered('lift-hold')).toBe(0);
  });
});

describe('restart', () => {
  test('of a running child: stopped, cleared, started at once, not counted', () => {
    const bench = new Bench().start().pass(10).take(restart);
    bench.obeys = false;
    const { runId } = bench;
    bench.dies(20, { signal: 'SIGTERM' });
    expect(bench.phase).toBe('backoff');
    bench.obeys = true;
    expect(bench.take({ type: 'run-cleared', runId, ended: 0 }).phase).toBe('running');
    expect(bench.state).toMatchObject({ run: 2, crashes: [], backoffStep: 0, lastExit: { cause: 'restarted' } });
  });

  test.each(['never', 'on-failure'] as const)('under %s too', mode => {
    expect(new Bench({ restart: mode }).start().take(restart).dies(10, { code: 0 }).phase).toBe('running');
  });

  test('twice is once, and a stop meanwhile wins', () => {
    const bench = new Bench().start().take(restart).take(restart);
    expect(bench.effects).toEqual([]);
    expect(exitCode(bench.take(stop()).dies(10, { signal: 'SIGTERM' }))).toBe(0);
    expect(bench.state.lastExit?.cause).toBe('restarted');
  });

  test('while its own limit ends the run: the start that follows is at once, the steps kept', () => {
    const long = { maxRuntimeMs: 1000, stopTimeoutMs: 60_000 };
    const bench = new Bench(long).start().pass(1000).take(restart);
    expect(bench.phase).toBe('stopping');
    expect(bench.dies(10, { signal: 'SIGTERM' }).phase).toBe('running');
    expect(bench.state).toMatchObject({ lastExit: { cause: 'limit' }, backoffStep: 0 });
    expect(new Bench({ ...long, restart: 'never' }).start().pass(1000).take(restart).dies(10).phase).toBe('running');
    const stopped = new Bench(long).start().pass(1000).take(restart).take(stop()).dies(10);
    expect(stopped.phase).toBe('stopped');
  });

  test('in a backoff: at once, the steps kept', () => {
    const bench = new Bench().start().dies(10).waitOut().dies(10).take(restart);
    expect(bench.phase).toBe('running');
    expect(bench.dies(10).waitMs).toBe(4000);
  });

  test('is refused in a cooldown and in a hold, reported once each', () => {
    for (const bench of [new Bench({ flapThreshold: 1 }), new Bench({ holdCodes: [1] })]) {
      const { state } = bench.start().dies(10);
      expect(bench.take(restart).state).toBe(state);
      expect(bench.told('refused')).toBe(1);
      expect(whyNoRestart(state.phase)).toContain('reset');
    }
    for (const kind of ['starting', 'running', 'stopping', 'backoff', 'waiting', 'finished', 'stopped'] as const)
      expect(whyNoRestart(PHASES[kind])).toBeNull();
  });
});

describe('reset', () => {
  test('forgets backoff, window and rows; a running child runs on', () => {
    const bench = new Bench().start().dies(10).waitOut().dies(10).waitOut();
    const { runId } = bench;
    bench.take(reset);
    expect(bench.runId).toBe(runId);
    expect(bench.state).toMatchObject({ crashes: [], backoffStep: 0, restartsInRow: 0, shortRuns: 0, slowDeaths: [] });
    expect(bench.dies(10).waitMs).toBe(1000);
  });

  test.each([
    ['backoff', {}],
    ['cooldown', { flapThreshold: 1 }],
    ['held', { holdCodes: [1] }],
  ] as const)('%s: starts at once', (phase, policy) => {
    const bench = new Bench(policy).start().dies(10);
    expect(bench.phase).toBe(phase);
    expect(bench.take(reset).phase).toBe('running');
    expect(bench.ordered('lift-hold')).toBe(phase === 'held' ? 1 : 0);
  });

  test('of a hold whose watcher is just leaving clears it, and starts nothing', () => {
    const bench = new Bench({ holdCodes: [1], onHold: 'exit' }).start();
    bench.obeys = false;
    bench.dies(10).take(reset);
    expect(bench.ordered('lift-hold')).toBe(1);
    expect(bench.ordered('spawn-child')).toBe(0);
    expect(bench.phase).toBe('stopped');
  });
});

describe('signal', () => {
  const ask = { type: 'signal-requested', by: 'command', signal: 'SIGUSR1' } as const;

  test('reaches the child alone, in running and stopping, once', () => {
    const bench = new Bench().start();
    const order = { type: 'signal-child', runId: bench.runId, signal: 'SIGUSR1' };
    expect(bench.take(ask).effects).toEqual([order]);
    expect(bench.take(stop()).take(ask).effects).toEqual([order]);
  });
});

describe('what cannot be ended', () => {
  const survivors = [{ pid: 5, why: 'does not react to SIGKILL' }];
  /** A run that is being stopped and reported stuck, the watcher leaving or not. */
  function stuck(fact: Parameters<Bench['take']>[0]): Bench {
    const bench = new Bench().start().take(fact);
    return bench.take({ type: 'run-stuck', runId: bench.runId, survivors });
  }

  test('is told, kept in the state, and nothing is started beside it for as long as it lasts', () => {
    const bench = stuck(restart);
    expect(bench.told('cannot-end')).toBe(1);
    expect(bench.state.stuck?.survivors).toEqual(survivors);
    bench.obeys = false;
    const { runId } = bench;
    bench.dies(3_600_000, { signal: 'SIGKILL' });
    bench.take({ type: 'run-stuck', runId, survivors: [{ pid: 6, why: 'x' }] }).pass(86_400_000);
    expect(bench.phase).toBe('backoff');
    expect(bench.effects).not.toContainEqual(expect.objectContaining({ type: 'spawn-child' }));
    bench.take({ type: 'run-cleared', runId, ended: 1 });
    expect(bench.told('ended-at-last')).toBe(1);
    expect(bench.state.stuck).toBeNull();
    expect(bench.phase).toBe('starting');
  });

  test.each([
    ['a TERM a second after the first', stop(), 1000, 125],
    ['a Ctrl-C', stop({ signal: 'SIGINT' }), 1000, 125],
    ['stop --now', stop({ signal: null, now: true }), 1000, 125],
    ['a TERM in the same second', stop(), 999, null],
    ['another stop', stop({ signal: null }), 5000, null],
  ] as const)('%s ends the watcher, or not', (_, fact, afterMs, code) => {
    const bench = stuck(stop()).pass(afterMs).take(fact);
    expect(exitCode(bench)).toBe(code);
    expect(bench.told('left-behind')).toBe(code === null ? 0 : 1);
    // The next watcher has to know of it.
    expect('live' in bench.state.phase).toBe(true);
  });
});
