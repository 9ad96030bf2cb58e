import { describe, expect, test } from 'vitest';
import { KILL_WHEN, type Observation } from '../../src/core/health-model.ts';
import type { Policy } from '../../src/core/model.ts';
import { Bench } from './bench.ts';

const reading = (result: 'clear' | 'tripped' | 'blind', notYet = false): Observation => ({
  kind: 'condition',
  result,
  notYet,
  why: `it is ${result}`,
});
const nothing: Observation = { kind: 'none', detail: 'could not look' };

function guarded(blindTrips = false, policy: Partial<Policy> = {}): Bench {
  const killWhen = { intervalMs: 5000, maxAgeMs: 60_000, blindTrips };
  return new Bench({ ...policy, health: { probes: [], killWhen } });
}
const says = (bench: Bench, observation: Observation): Bench =>
  bench.take({ type: 'probes-reported', runId: bench.runId, reports: [{ probe: KILL_WHEN, observation }] });
const orders = (bench: Bench) => bench.effects.map(effect => effect.type);

describe('while a run is up', () => {
  test('no answer for as long as numbers may be old is missing metrics, and trips where that was requested', () => {
    for (const blindTrips of [false, true]) {
      const bench = says(guarded(blindTrips).start(), reading('clear'));
      says(bench, reading('clear'));
      expect(says(bench.pass(59_000), nothing).ordered('write-hold')).toBe(0);
      says(bench.pass(2000), nothing);
      expect(bench.ordered('write-hold')).toBe(blindTrips ? 1 : 0);
      expect(bench.phase).toBe(blindTrips ? 'stopping' : 'running');
    }
  });
});

describe('before a start', () => {
  test('it is read, and nothing is spawned until it has been', () => {
    const bench = guarded().start();
    expect(orders(bench)).toEqual(['save-state', 'ask-probes']);
    expect(bench.state).toMatchObject({ run: 0, phase: { kind: 'starting', checking: true } });
    expect(says(bench, reading('clear')).phase).toBe('running');
    expect(bench.state.run).toBe(1);
  });

  test.each([
    [reading('tripped'), false, 'held'],
    [reading('tripped'), true, 'held'],
    [reading('blind'), true, 'held'],
    [reading('blind'), false, 'running'],
    [reading('blind', true), true, 'running'],
    [nothing, true, 'held'],
    [nothing, false, 'running'],
  ] as const)('%j, blind trips: %s: %s', (observation, blindTrips, phase) => {
    const bench = says(guarded(blindTrips).start(), observation);
    expect(bench.phase).toBe(phase);
    expect(bench.ordered('write-hold')).toBe(phase === 'held' ? 1 : 0);
    expect(bench.ordered('spawn-child')).toBe(phase === 'held' ? 0 : 1);
  });

  test('held with --on-hold exit: 69', () => {
    const bench = says(guarded(false, { onHold: 'exit' }).start(), reading('tripped'));
    expect(bench.effects.at(-1)).toEqual({ type: 'exit-watcher', code: 69 });
  });

  test('a stop meanwhile ends it at once, and the late reading starts nothing', () => {
    const bench = guarded().start();
    const { runId } = bench;
    bench.take({ type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false });
    expect(bench.effects.at(-1)).toEqual({ type: 'exit-watcher', code: 0 });
    const reports = [{ probe: KILL_WHEN, observation: reading('clear') }];
    expect(bench.take({ type: 'probes-reported', runId, reports }).ordered('spawn-child')).toBe(0);
  });

  test('a reading for another start, or of another probe, starts nothing', () => {
    const bench = guarded().start();
    const other = { type: 'probes-reported', runId: 'other' as never, reports: [] } as const;
    expect(bench.take(other).effects).toEqual([]);
    bench.take({
      type: 'probes-reported',
      runId: bench.runId,
      reports: [{ probe: 'x', observation: reading('clear') }],
    });
    expect(bench.phase).toBe('starting');
  });

  test('a watcher that died meanwhile leaves no orphan: nothing had been started', () => {
    const { state } = guarded().start();
    const bench = new Bench({}, state).start();
    expect(bench.told('orphan-found')).toBe(0);
    expect(bench.state).toMatchObject({ run: 1, lastExit: null, phase: { kind: 'running' } });
  });

  test('after a reset of the hold it is read again', () => {
    const bench = says(guarded().start(), reading('tripped')).take({ type: 'reset-requested', by: 'command' });
    expect(orders(bench)).toContain('lift-hold');
    expect(bench.state.phase).toMatchObject({ kind: 'starting', checking: true });
    expect(says(bench, reading('tripped')).phase).toBe('held');
  });
});

describe('while it runs', () => {
  const running = (policy: Partial<Policy> = {}) => says(guarded(false, policy).start(), reading('clear'));

  test('held on disk before the stop is even begun, then stopped, then held', () => {
    const bench = says(running(), reading('tripped'));
    const told = orders(bench);
    expect(told.indexOf('write-hold')).toBeLessThan(told.indexOf('signal-tree'));
    expect(bench.state.phase).toMatchObject({ kind: 'stopping', cause: 'kill-condition' });
    bench.dies(100, { signal: 'SIGTERM' });
    expect(bench.state).toMatchObject({ phase: { kind: 'held' }, lastExit: { cause: 'kill-condition' }, crashes: [] });
    expect(bench.pass(1e9).phase).toBe('held');
  });

  test('a watcher that dies before its hold is written: the next one holds', () => {
    const { state } = says(running(), reading('tripped'));
    const bench = new Bench({}, state).start({ hold: null });
    expect(bench.phase).toBe('held');
    expect(bench.ordered('write-hold')).toBe(1);
  });

  test.each(['stop', 'restart'] as const)('true while a %s ends it: held nevertheless', how => {
    const bench = running();
    if (how === 'stop') bench.take({ type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false });
    else bench.take({ type: 'restart-requested', by: 'command' });
    says(bench, reading('tripped')).dies(100, { signal: 'SIGTERM' });
    expect(bench.phase).toBe('held');
    expect(bench.ordered('spawn-child')).toBe(0);
    expect(bench.effects.some(effect => effect.type === 'exit-watcher' && effect.code === 0)).toBe(how === 'stop');
  });

  test('a trip told twice stops once', () => {
    const bench = says(says(running(), reading('tripped')), reading('tripped'));
    expect(bench.ordered('signal-tree')).toBe(0);
    expect(bench.told('stopping')).toBe(1);
  });

  test('read again and again, also while nothing changes', () => {
    const bench = running();
    let asked = 0;
    for (let round = 0; round < 5; round++) {
      bench.effects = [];
      bench.pass(5000);
      asked += bench.ordered('ask-probes');
      says(bench, reading('clear'));
    }
    expect(asked).toBeGreaterThanOrEqual(4);
  });
});
