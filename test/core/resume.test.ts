import { describe, expect, test } from 'vitest';
import { FRESH_STATE } from '../../src/core/decide.ts';
import type { Leftover } from '../../src/core/events.ts';
import type { Clearing, Hold, Phase, RunId, State } from '../../src/core/model.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import { Bench } from './bench.ts';
import { CONTEXTS, PHASES, type PhaseKind } from './canonical.ts';

const file: Hold = { cause: 'hold-code', why: 'from the file', at: 5 as Wall };
const record: Leftover = { runId: 'run-a' as RunId, pid: 100, startTicks: 1 };
const stranger: Leftover = { runId: 'run-unsaved' as RunId, pid: 200, startTicks: 2 };
const kinds = Object.keys(PHASES) as PhaseKind[];
const upKinds: readonly PhaseKind[] = ['starting', 'running', 'stopping'];
/** Of these something may be left. */
const leaves: readonly PhaseKind[] = [...upKinds, 'checking'];

/** What a watcher does first with what it finds. */
type First = 'start' | 'clear, then start' | 'wait' | 'clear, wait' | 'hold' | 'clear, hold';

function first(state: State, given: Parameters<Bench['start']>[0], policy = {}): First {
  const bench = new Bench(policy, state);
  bench.obeys = false;
  bench.start(given);
  const clears = bench.ordered('clear-run') > 0;
  expect(clears).toBe(bench.state.clearing !== null);
  if (clears) {
    expect(bench.ordered('spawn-child')).toBe(0);
    bench.take({ type: 'run-cleared', runId: bench.state.clearing?.runId as RunId, ended: 1 });
  }
  const after = bench.phase === 'held' ? 'hold' : bench.ordered('spawn-child') === 1 ? 'start' : 'wait';
  return (clears ? (after === 'start' ? 'clear, then start' : `clear, ${after}`) : after) as First;
}

const at = { mono: 1 as Mono, wall: 1 as Wall };
const waits = (kind: PhaseKind) => kind === 'backoff' || kind === 'cooldown' || kind === 'limited';

describe.each(kinds)('a state that says %s', kind => {
  const state = CONTEXTS.plain(kind);
  const isUp = leaves.includes(kind);
  const plain: First = kind === 'held' ? 'hold' : waits(kind) ? 'wait' : 'start';
  const cleared = { start: 'clear, then start', wait: 'clear, wait', hold: 'clear, hold' }[plain as 'start'] as First;

  test('same boot, no record of a run: the run that the state names is looked for', () => {
    expect(first(state, { leftover: null })).toBe(isUp ? cleared : plain);
  });
  test('same boot, unknown record', () => {
    expect(first(state, { leftover: 'unknown' })).toBe(isUp ? cleared : plain);
  });
  test('same boot, record of that run', () => {
    expect(first(state, { leftover: record })).toBe(cleared);
  });
  test('same boot, record of a run that could not be saved', () => {
    expect(first(state, { leftover: stranger })).toBe(cleared);
  });
  test('another boot: nothing of before is alive', () => {
    for (const leftover of [null, 'unknown'] as const) expect(first(state, { sameBoot: false, leftover })).toBe(plain);
  });
  test('a state of another boot, but a record of this one: the state could not be saved since', () => {
    expect(first(state, { sameBoot: false, leftover: stranger })).toBe(cleared);
  });
  test('with a hold file it is held, whatever else is so', () => {
    for (const leftover of [null, 'unknown', record] as const)
      for (const sameBoot of [true, false])
        for (const newCommand of [true, false])
          expect(first(state, { hold: file, leftover, sameBoot, newCommand })).toMatch(/hold$/);
  });
  test('with a hold file and --on-hold exit: 69, once nothing is left', () => {
    const bench = new Bench({ onHold: 'exit' }, state).start({ hold: file, leftover: record });
    expect(bench.effects.at(-1)).toEqual({ type: 'exit-watcher', code: 69 });
  });
  test('what the last watcher wanted to end with is forgotten', () => {
    const bench = new Bench({}, { ...state, leaving: { code: 3, since: at, signal: 'SIGTERM', now: true } });
    expect(bench.start().state.leaving).toBeNull();
  });
});

describe('an orphan', () => {
  test.each(upKinds)('left in %s counts for nothing, and the start is at once', kind => {
    const state: State = { ...CONTEXTS.plain(kind), backoffStep: 4, restartsInRow: 2, shortRuns: 3 };
    const bench = new Bench({ maxRestarts: 2 }, state).start({ leftover: record });
    expect(bench.phase).toBe('running');
    expect(bench.state).toMatchObject({ crashes: [], backoffStep: 4, restartsInRow: 2, shortRuns: 3, run: 4 });
    expect(bench.state.lastExit).toMatchObject({ code: null, signal: null, cause: 'orphan', uptimeMs: 10_000 });
    expect(bench.told('orphan-found')).toBe(1);
  });

  test('of a run that no state tells of is one too, and is counted among the runs', () => {
    const bench = new Bench().start({ leftover: stranger });
    expect(bench.state).toMatchObject({ run: 2, lastExit: { cause: 'orphan' } });
  });

  test('a child that was being stopped for a kill condition is held, not started again', () => {
    const phase = { ...PHASES.stopping, cause: 'kill-condition' } as Phase;
    const bench = new Bench({}, { ...CONTEXTS.plain('stopping'), phase }).start({ leftover: record });
    expect(bench.phase).toBe('held');
    expect(bench.ordered('write-hold')).toBe(1);
  });
});

describe('what an ended run left', () => {
  const clearing: Clearing = CONTEXTS.clearing('backoff').clearing as Clearing;

  test.each([null, 'unknown', record] as const)('is cleared by the next watcher, record %j', leftover => {
    const bench = new Bench({}, { ...CONTEXTS.clearing('backoff') });
    bench.obeys = false;
    bench.start({ leftover });
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ type: 'clear-run', clearing: expect.objectContaining({ runId: clearing.runId }) }),
    );
    expect(bench.told('orphan-found')).toBe(0);
    expect(bench.pass(1e7).ordered('spawn-child')).toBe(0);
    expect(bench.take({ type: 'run-cleared', runId: clearing.runId, ended: 0 }).ordered('spawn-child')).toBe(1);
  });
});

describe('a wait that a dead watcher left', () => {
  test.each(['backoff', 'cooldown'] as const)('%s: the rest is waited out exactly', kind => {
    const { waitMs } = PHASES[kind];
    const bench = new Bench({}, CONTEXTS.plain(kind)).start();
    const passed = 10_000;
    bench.pass(waitMs - passed - 1);
    expect(bench.phase).toBe(kind);
    expect(bench.pass(1).phase).toBe('running');
  });

  test('through ten dead watchers it gets no longer', () => {
    let { state, mono } = new Bench().start().dies(10).waitOut().dies(10).waitOut().dies(10);
    for (let death = 0; death < 10; death++) {
      const bench = new Bench({}, state);
      bench.mono = mono;
      bench.start().pass(399);
      expect(bench.phase).toBe('backoff');
      ({ state, mono } = bench);
    }
    const bench = new Bench({}, state);
    bench.mono = mono;
    bench.start().pass(10);
    expect(bench.phase).toBe('running');
  });

  test('a fraction of a millisecond is waited too', () => {
    const bench = new Bench({}, CONTEXTS.plain('backoff'));
    bench.mono += 0.4;
    bench.start();
    expect(bench.effects).toContainEqual(expect.objectContaining({ type: 'arm-timer', delayMs: 50_000 }));
  });

  test('one that is over is a start at once, and a cooldown that is over is a fresh slate', () => {
    const state = { ...CONTEXTS.plain('cooldown'), crashes: [1, 2, 3, 4, 5] as never, backoffStep: 4 };
    const bench = new Bench({}, state);
    bench.mono += 600_000;
    expect(bench.start().phase).toBe('running');
    expect(bench.state).toMatchObject({ crashes: [], backoffStep: 0 });
  });
});

test('after stopped and finished it begins at once, window and counters kept', () => {
  for (const kind of ['stopped', 'finished'] as const) {
    const state: State = { ...CONTEXTS.plain(kind), crashes: [999_000 as never], backoffStep: 3, restartsInRow: 2 };
    const bench = new Bench({}, state).start();
    expect(bench.phase).toBe('running');
    expect(bench.state).toMatchObject({ crashes: [999_000], backoffStep: 3, restartsInRow: 2 });
  }
});

test('a lost state and nothing else: a first start', () => {
  expect(first(FRESH_STATE, { leftover: 'unknown' })).toBe('start');
});

test('a hold that only the state knows is written again', () => {
  expect(new Bench({}, CONTEXTS.plain('held')).start().ordered('write-hold')).toBe(1);
  expect(new Bench({}, CONTEXTS.plain('held')).start({ hold: file }).ordered('write-hold')).toBe(0);
});
