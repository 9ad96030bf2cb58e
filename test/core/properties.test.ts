import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/core/decide.ts';
import type { Event, Fact } from '../../src/core/events.ts';
import { SOON_MS } from '../../src/core/limits.ts';
import type { RunId, State, TimerId } from '../../src/core/model.ts';
import { longestStopMs } from '../../src/core/requests.ts';
import { currentRun, ordersOf, timersOf, type Walk, walks } from './walks.ts';

const runs = { numRuns: 3000 };

/** Holds for whatever can be reached and whatever comes next. */
function always(holds: (walk: Walk, after: ReturnType<typeof decide>) => void): void {
  fc.assert(
    fc.property(walks, walk => {
      holds(walk, decide(walk.policy, walk.state, walk.event));
    }),
    runs,
  );
}

const isUp = ({ phase }: State) => phase.kind === 'starting' || phase.kind === 'running' || phase.kind === 'stopping';

describe('whatever was reached and whatever comes', () => {
  test('the same state and event give the same answer, and neither is touched', () => {
    always(({ policy, state, event }, after) => {
      const before = JSON.stringify({ state, event });
      expect(decide(policy, structuredClone(state), structuredClone(event))).toEqual(after);
      expect(JSON.stringify({ state, event })).toBe(before);
    });
  });

  test('news of a run or a timer that the state does not speak of changes nothing', () => {
    always(({ policy, state, event }) => {
      const { at, roll, freshRunId } = event;
      const runId = 'never-was' as RunId;
      const stale: Fact[] = [
        { type: 'child-spawned', runId, pid: 9, startTicks: 9 },
        { type: 'child-exited', runId, exit: { code: 0, signal: null } },
        { type: 'spawn-failed', runId, failure: { kind: 'other', why: 'x' } },
        { type: 'run-cleared', runId, ended: 0 },
        { type: 'timer-fired', timer: state.nextTimer },
      ];
      for (const fact of stale) {
        const after = decide(policy, state, { ...fact, at, roll, freshRunId } as Event);
        expect(after.state).toBe(state);
        // A watcher that should be gone already is told so again; nothing else is ordered.
        expect(after.effects.filter(({ type }) => type !== 'exit-watcher')).toEqual([]);
      }
    });
  });

  test('nothing starts beside a run, before it is cleared, in a hold, or on the way out', () => {
    always(({ state, event }, { state: next, effects }) => {
      const spawns = ordersOf(effects, 'spawn-child');
      expect(spawns.length).toBeLessThanOrEqual(1);
      if (spawns.length === 0) return;
      expect(next.phase).toMatchObject({ kind: 'starting', runId: spawns[0]?.runId });
      expect([next.clearing, next.leaving]).toEqual([null, null]);
      const endsIt = event.type === 'watcher-started' || event.type === 'spawn-failed';
      expect(isUp(state) && !endsIt).toBe(false);
      expect(next.run).toBeGreaterThan(state.run);
      if (state.phase.kind === 'held') expect(event.type).toBe('reset-requested');
    });
  });

  test('a start is saved before it is ordered, and with its run id', () => {
    always((_walk, { effects }) => {
      const order = effects.map(({ type }) => type);
      if (order.includes('spawn-child')) expect(order.indexOf('save-state')).toBe(0);
      if (order.includes('save-state')) expect(order.lastIndexOf('save-state')).toBe(0);
    });
  });

  test('a watcher exits only when nothing of its child is left, or it cannot be ended', () => {
    always((_walk, { state, effects }) => {
      const [exit] = ordersOf(effects, 'exit-watcher');
      if (exit === undefined) return;
      if (state.stuck !== null) return expect(exit.code).toBe(125);
      expect(isUp(state)).toBe(false);
      expect(state.clearing).toBeNull();
      expect(exit.code).toBe(state.leaving?.code);
    });
  });

  test('every timer that is armed is known to the state, and each use has one', () => {
    always(({ state, event }, { state: next, effects }) => {
      const known = timersOf(next);
      expect(new Set(known).size).toBe(known.length);
      const disarmed = new Set(ordersOf(effects, 'disarm-timer').map(({ timer }) => timer));
      for (const { timer } of ordersOf(effects, 'arm-timer'))
        expect(known.includes(timer) || disarmed.has(timer)).toBe(true);
      for (const timer of known) expect(disarmed.has(timer)).toBe(false);
      // A new watcher has none of the old one's; else what is no longer known has been disarmed, or has fired.
      if (event.type === 'watcher-started') return;
      const fired: TimerId | null = event.type === 'timer-fired' ? event.timer : null;
      for (const timer of timersOf(state))
        if (!known.includes(timer) && timer !== fired) expect(disarmed.has(timer)).toBe(true);
    });
  });

  test('every number stays one, so that the state can be written and read', () => {
    always((_walk, { state }) => expect(JSON.parse(JSON.stringify(state))).toEqual(state));
  });

  test('a wait lies between nothing and the longest that the policy allows', () => {
    always(({ policy }, { effects }) => {
      const longest = Math.max(
        policy.backoffMaxMs * (1 + policy.jitter),
        policy.flapCooldownMs,
        // Half as long again as the run that failed, at most.
        10 * policy.healthyAfterMs,
        // The pause that a service asks for.
        SOON_MS,
        longestStopMs(policy),
        policy.maxRuntimeMs ?? 0,
        // A failed save is tried again after 5 s; a limited wait is looked at every minute.
        60_000,
      );
      for (const { delayMs } of ordersOf(effects, 'arm-timer')) {
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(longest);
      }
    });
  });

  test('internal error is reported for nothing but an exit before the start', () => {
    always(({ state, event }, { effects }) => {
      const tooSoon =
        event.type === 'child-exited' && state.phase.kind === 'starting' && event.runId === currentRun(state);
      expect(ordersOf(effects, 'report-bug')).toHaveLength(tooSoon ? 1 : 0);
    });
  });
});
