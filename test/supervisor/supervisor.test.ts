import { describe, expect, test } from 'vitest';
import { FRESH_STATE } from '../../src/core/decide.ts';
import type { Effect, Fact } from '../../src/core/events.ts';
import type { RunId, State } from '../../src/core/model.ts';
import type { World } from '../../src/core/ports.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import { createSupervisor, type Supervisor } from '../../src/supervisor/supervisor.ts';
import { CLEAN_START, DEFAULT_POLICY } from '../core/bench.ts';

const stop: Fact = { type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false };

/** A loop in a world that writes down every call; `on` answers one, or throws. */
function rig(on: (call: string, supervisor: Supervisor) => void = () => {}, restored: State = FRESH_STATE) {
  const calls: string[] = [];
  let supervisor: Supervisor;
  let runs = 0;
  const port =
    (name: string) =>
    (...given: readonly unknown[]): void => {
      const last = given.at(-1);
      const call = name === 'tell' ? `tell:${(last as { kind: string }).kind}` : name;
      calls.push(call);
      on(call, supervisor);
    };
  const world: World = {
    source: {
      now: () => ({ mono: 1_000_000 as Mono, wall: 1_700_000_000_000 as Wall }),
      roll: () => 0,
      freshRunId: () => `run-${++runs}` as RunId,
    },
    child: {
      spawn: port('spawn'),
      signalTree: port('signal-tree'),
      signalChild: port('signal-child'),
      clear: port('clear'),
    },
    checks: { check: port('check'), end: port('end-check') },
    schedule: { plan: port('plan') },
    probes: { ask: port('ask') },
    incidents: { examine: port('examine'), open: port('open'), close: port('close') },
    timers: { arm: port('arm'), disarm: port('disarm') },
    store: { save: port('save'), writeHold: port('write-hold'), liftHold: port('lift-hold') },
    public: { tell: port('tell'), reportBug: port('bug'), exit: port('exit') },
  };
  supervisor = createSupervisor(DEFAULT_POLICY, restored);
  supervisor.connect(world);
  return { calls, supervisor };
}

const runOf = ({ state }: Supervisor): RunId => {
  if (state.phase.kind === 'starting') return state.phase.runId;
  if ('live' in state.phase) return state.phase.live.runId;
  throw new Error(`no run in ${state.phase.kind}`);
};
const up = (supervisor: Supervisor): Fact => ({
  type: 'child-spawned',
  runId: runOf(supervisor),
  pid: 5,
  startTicks: 9,
});

describe('before it has started', () => {
  test('a stop waits for the start, and is not lost', () => {
    const { calls, supervisor } = rig();
    supervisor.take(stop);
    supervisor.take(stop);
    expect(calls).toEqual([]);
    supervisor.take(CLEAN_START);
    expect(calls).toEqual(['save', 'spawn', 'save', 'tell:stopped']);
    supervisor.take(up(supervisor));
    expect(calls).toContain('signal-tree');
  });

  test('it starts once: a second start would be a second child', () => {
    const { calls, supervisor } = rig();
    supervisor.take(CLEAN_START);
    supervisor.take(up(supervisor));
    const { state } = supervisor;
    supervisor.take(CLEAN_START);
    expect(supervisor.state).toBe(state);
    expect(calls.filter(call => call === 'spawn')).toHaveLength(1);
    expect(calls).toContain('bug');
  });
});

describe('facts that come meanwhile', () => {
  test('from inside a call wait until all orders of the turn are carried out', () => {
    const { calls, supervisor } = rig((call, loop) => {
      if (call === 'save' && loop.state.phase.kind === 'starting') loop.take(stop);
    });
    supervisor.take(CLEAN_START);
    expect(calls.slice(0, 2)).toEqual(['save', 'spawn']);
    expect(supervisor.state.leaving).not.toBeNull();
  });

  test('after the exit are heard no more', () => {
    const { calls, supervisor } = rig(() => {}, { ...FRESH_STATE, phase: { kind: 'held', hold: HOLD } });
    supervisor.take(CLEAN_START);
    supervisor.take(stop);
    expect(calls.at(-1)).toBe('exit');
    const { length } = calls;
    supervisor.take({ type: 'reset-requested', by: 'command' });
    expect(calls).toHaveLength(length);
  });
});

const HOLD = { cause: 'hold-code', why: 'x', at: 5 as Wall } as const;

describe('a world that throws', () => {
  const throwsAt = (failing: Effect['type'] | string) => (call: string) => {
    if (call === failing) throw new Error('no more');
  };

  test.each(['save', 'tell:started', 'arm'])(
    'at %s: the other orders are carried out, and the fault is reported',
    failing => {
      const { calls, supervisor } = rig(throwsAt(failing));
      supervisor.take(CLEAN_START);
      supervisor.take(up(supervisor));
      expect(supervisor.state.phase.kind).toBe('running');
      expect(calls).toEqual(expect.arrayContaining(['spawn', 'tell:started', 'arm', 'bug']));
    },
  );

  test('at a spawn: a start that failed, and another after a wait', () => {
    const { calls, supervisor } = rig(throwsAt('spawn'));
    supervisor.take(CLEAN_START);
    expect(supervisor.state.phase).toMatchObject({ kind: 'backoff', waitMs: 1000 });
    expect(calls).toContain('tell:start-failed');
  });
});
