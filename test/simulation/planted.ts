import { decide } from '../../src/core/decide.ts';
import type { Effect, Event } from '../../src/core/events.ts';
import type { Policy, State, TimerId } from '../../src/core/model.ts';
import type { Mono } from '../../src/core/units.ts';

export type Machine = typeof decide;
type Decision = ReturnType<Machine>;

/** A fault put into the machine on purpose, to prove that the simulation finds it. */
export interface Planted {
  name: string;
  machine: Machine;
}

/** Wraps the real machine: `before` changes what it is told, `after` what it answers. */
export function planted(
  name: string,
  {
    before,
    after,
  }: {
    before?: (state: State, event: Event) => { state?: State; event?: Event } | null;
    after?: (decision: Decision, state: State, event: Event, policy: Policy) => Partial<Decision> | null;
  },
): Planted {
  return {
    name,
    machine(policy, state, event) {
      const told = { state, event, ...before?.(state, event) };
      const decision = decide(policy, told.state, told.event);
      return { ...decision, ...after?.(decision, told.state, told.event, policy) };
    },
  };
}

/** Orders without some of them. */
export const without = (effects: readonly Effect[], drop: (effect: Effect) => boolean) =>
  effects.filter(effect => !drop(effect));
const isUp = ({ phase }: State) => phase.kind === 'starting' || phase.kind === 'running' || phase.kind === 'stopping';
const waitTimer = ({ phase }: State) => (phase.kind === 'backoff' || phase.kind === 'cooldown' ? phase.timer : null);

export const PLANTED: readonly Planted[] = [
  planted('a save is skipped when a wait begins', {
    after: ({ state, effects }, { phase }) =>
      state.phase.kind === 'backoff' && phase.kind === 'running'
        ? { effects: without(effects, ({ type }) => type === 'save-state') }
        : null,
  }),
  planted('the save comes after the spawn', {
    after: ({ effects }) => ({
      effects: [
        ...without(effects, ({ type }) => type === 'save-state'),
        ...effects.filter(({ type }) => type === 'save-state'),
      ],
    }),
  }),
  planted('a restart is granted in a hold', {
    before: (state, event) =>
      event.type === 'restart-requested' && state.phase.kind === 'held'
        ? { state: { ...state, phase: { kind: 'backoff', waitMs: 0, since: event.at, timer: null } } }
        : null,
  }),
  planted('the hold file is not looked at', {
    before: (_state, event) => (event.type === 'watcher-started' ? { event: { ...event, hold: null } } : null),
  }),
  planted('a hold is lost at the next start', {
    before: (state, event) =>
      event.type === 'watcher-started'
        ? {
            event: { ...event, hold: null },
            state: state.phase.kind === 'held' ? { ...state, phase: { kind: 'stopped' } } : state,
          }
        : null,
  }),
  planted('the flap window is forgotten at each start of a watcher', {
    before: (state, event) => (event.type === 'watcher-started' ? { state: { ...state, crashes: [] } } : null),
  }),
  planted('crashes never leave the flap window', {
    after: ({ state }, before) =>
      state.crashes.length > 0 && before.crashes.length > 0 && state.crashes !== before.crashes
        ? { state: { ...state, crashes: [...before.crashes, ...state.crashes.slice(-1)].slice(-5) } }
        : null,
  }),
  planted('a crash is counted twice', {
    after: ({ state }, before, event) =>
      event.type === 'child-exited' && state.crashes.length > before.crashes.length
        ? { state: { ...state, crashes: [...state.crashes, event.at.mono] } }
        : null,
  }),
  planted('an orphan is counted as a crash', {
    after: ({ state }, before, event) =>
      event.type === 'watcher-started' && isUp(before)
        ? { state: { ...state, crashes: [...state.crashes, event.at.mono] } }
        : null,
  }),
  planted('a stop that was asked for is counted as a crash', {
    after: ({ state }, _before, event) =>
      event.type === 'child-exited' && state.lastExit?.cause === 'restarted'
        ? { state: { ...state, backoffStep: state.backoffStep + 1 } }
        : null,
  }),
  planted('no timer is armed for a wait', {
    after: ({ state, effects }) => {
      const timer = waitTimer(state);
      return { effects: without(effects, effect => effect.type === 'arm-timer' && effect.timer === timer) };
    },
  }),
  planted('no timer is armed for the grace of a stop', {
    after: ({ state, effects }) => {
      const timer = state.phase.kind === 'stopping' ? state.phase.graceTimer : null;
      return { effects: without(effects, effect => effect.type === 'arm-timer' && effect.timer === timer) };
    },
  }),
  planted('the end of the grace kills nobody', {
    after: ({ effects }, _before, event) =>
      event.type === 'timer-fired'
        ? { effects: without(effects, effect => effect.type === 'signal-tree' && effect.signal === 'SIGKILL') }
        : null,
  }),
  planted('a failed save is not tried again', {
    after: ({ state, effects }) => ({
      effects: without(effects, effect => effect.type === 'arm-timer' && effect.timer === state.saveTimer),
    }),
  }),
  planted('the next run does not wait for the clearing of the last', {
    after: (decision, _before, event, policy) => {
      const { clearing } = decision.state;
      if (clearing === null || event.type !== 'child-exited') return null;
      const { at, roll, freshRunId } = event;
      const next = decide(policy, decision.state, {
        type: 'run-cleared',
        runId: clearing.runId,
        ended: 0,
        at,
        roll,
        freshRunId,
      });
      return { state: next.state, effects: [...decision.effects, ...next.effects] };
    },
  }),
  planted('what a dead watcher left is not ended', {
    before: (state, event) =>
      event.type === 'watcher-started'
        ? { event: { ...event, leftover: null }, state: isUp(state) ? { ...state, phase: { kind: 'stopped' } } : state }
        : null,
  }),
  planted("the lock's record is not believed", {
    before: (_state, event) => (event.type === 'watcher-started' ? { event: { ...event, leftover: null } } : null),
  }),
  planted('what was being cleared is forgotten with its watcher', {
    before: (state, event) =>
      event.type === 'watcher-started' && state.clearing !== null
        ? { event: { ...event, leftover: null }, state: { ...state, clearing: null } }
        : null,
  }),
  planted('a mere start resets the backoff', {
    after: ({ state }, _before, event) =>
      event.type === 'child-spawned' ? { state: { ...state, backoffStep: 0 } } : null,
  }),
  planted('a healthy run does not reset the backoff', {
    after: ({ state }, before) =>
      state.phase.kind === 'running' && state.phase.live.healthy
        ? { state: { ...state, backoffStep: before.backoffStep } }
        : null,
  }),
  planted('a cooldown leaves the backoff as it was', {
    after: ({ state }, before) =>
      before.phase.kind === 'cooldown' && state.phase.kind === 'starting'
        ? { state: { ...state, backoffStep: before.backoffStep } }
        : null,
  }),
  planted('a stale timer is honoured', {
    before: (state, event) =>
      event.type === 'timer-fired' && waitTimer(state) !== null && event.timer !== state.saveTimer
        ? { event: { ...event, timer: waitTimer(state) as TimerId } }
        : null,
  }),
  planted('the news of a former run is honoured', {
    before: (state, event) =>
      event.type === 'child-exited' && state.phase.kind === 'running'
        ? { event: { ...event, runId: state.phase.live.runId } }
        : null,
  }),
  planted('a wait is forgotten with its watcher', {
    before: (state, event) =>
      event.type === 'watcher-started' && waitTimer(state) !== null
        ? { state: { ...state, phase: { kind: 'stopped' } } }
        : null,
  }),
  planted('a wait begins anew with each watcher', {
    before: (state, event) =>
      event.type === 'watcher-started' && 'since' in state.phase
        ? { state: { ...state, phase: { ...state.phase, since: event.at } } }
        : null,
  }),
  planted('the watcher exits before the last run is cleared', {
    after: ({ state, effects }) =>
      state.leaving !== null && state.clearing !== null && !isUp(state)
        ? { effects: [...effects, { type: 'exit-watcher', code: state.leaving.code }] }
        : null,
  }),
  planted('a second stop is ignored', {
    before: (state, event) =>
      event.type === 'stop-requested' && state.leaving !== null
        ? { event: { ...event, now: false, signal: 'SIGTERM' } }
        : null,
  }),
  planted('a stop while it starts is forgotten', {
    before: (state, event) => (event.type === 'child-spawned' ? { state: { ...state, leaving: null } } : null),
  }),
  planted('what cannot be ended is taken for gone', {
    before: (_state, event) =>
      event.type === 'run-stuck' ? { event: { ...event, type: 'run-cleared', ended: 0 } as Event } : null,
  }),
  planted('a run is checked twice', {
    after: ({ effects }) => {
      const check = effects.find(({ type }) => type === 'check-run');
      return check === undefined ? null : { effects: [...effects, check] };
    },
  }),
  planted('a run whose watcher died before the verdict counts as a success', {
    before: (state, event) =>
      event.type === 'watcher-started' && state.phase.kind === 'checking'
        ? { event: { ...event, newCommand: true } }
        : null,
  }),
  planted('a stop leaves a check to itself', {
    after: ({ effects }) => ({ effects: without(effects, ({ type }) => type === 'end-check') }),
  }),
  planted('a second stop waits on for what cannot be ended', {
    before: (state, event) => (event.type === 'stop-requested' ? { state: { ...state, stuck: null } } : null),
  }),
  planted('the whole tree is asked at once', {
    after: ({ effects }) => ({
      effects: effects.map(effect => (effect.type === 'signal-tree' ? { ...effect, to: 'tree' } : effect)),
    }),
  }),
  planted('waits go by the wall clock', {
    before: (_state, event) => ({
      event: { ...event, at: { ...event.at, mono: (event.at.wall - 1_700_000_000_000) as unknown as Mono } },
    }),
  }),
  planted('a limited wait is over before its time', {
    before: (state, event) =>
      event.type === 'timer-fired' && state.phase.kind === 'limited'
        ? { event: { ...event, at: { ...event.at, wall: state.phase.startAt } } }
        : null,
  }),
  planted('a limited wait is forgotten with its watcher', {
    before: (state, event) =>
      event.type === 'watcher-started' && state.phase.kind === 'limited'
        ? { state: { ...state, phase: { kind: 'stopped' } } }
        : null,
  }),
  planted('a limit counts as a crash', {
    after: ({ state }, before, event) =>
      state.phase.kind === 'limited' && before.phase.kind === 'running'
        ? { state: { ...state, crashes: [...state.crashes, event.at.mono] } }
        : null,
  }),
  planted('each limit is an incident of its own', {
    before: state =>
      state.incident?.limited === true
        ? { state: { ...state, incident: { ...state.incident, limited: false } } }
        : null,
  }),
  planted('a TERM ends a limited wait', {
    after: ({ state }, before, event) =>
      event.type === 'stop-requested' && before.phase.kind === 'limited'
        ? { state: { ...state, phase: { kind: 'stopped' } } }
        : null,
  }),
];
