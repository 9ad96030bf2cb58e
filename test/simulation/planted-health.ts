import { decide } from '../../src/core/decide.ts';
import type { Event } from '../../src/core/events.ts';
import { KILL_WHEN } from '../../src/core/health-model.ts';
import { type Planted, planted, without } from './planted.ts';

/** Faults in what the machine makes of probes, kill conditions, incidents and schedules. */
export const PLANTED_HEALTH: readonly Planted[] = [
  planted('the kill condition is not read before a start', {
    after: (decision, _before, { at, roll, freshRunId }, policy) => {
      const { phase } = decision.state;
      if (phase.kind !== 'starting' || !phase.checking) return null;
      const observation = { kind: 'condition', result: 'clear', notYet: false, why: 'x' } as const;
      const reports = [{ probe: KILL_WHEN, observation }];
      const told: Event = { type: 'probes-reported', runId: phase.runId, reports, at, roll, freshRunId };
      const next = decide(policy, decision.state, told);
      return { state: next.state, effects: [...decision.effects, ...next.effects] };
    },
  }),
  planted('a condition that came true is not written', {
    after: ({ effects }) => ({
      effects: without(effects, effect => effect.type === 'write-hold' && effect.hold.cause === 'kill-condition'),
    }),
  }),
  planted('a run that was ended by its kill condition is followed by another', {
    after: ({ state }) =>
      state.phase.kind === 'stopping' && state.phase.cause === 'kill-condition'
        ? { state: { ...state, phase: { ...state.phase, cause: 'probe' } } }
        : null,
  }),
  planted('the kill condition is never read again', {
    after: ({ effects }, _before, event) =>
      event.type === 'timer-fired' ? { effects: without(effects, ({ type }) => type === 'ask-probes') } : null,
  }),
  planted('an ill run goes on', {
    before: (_state, event) => {
      if (event.type !== 'probes-reported') return null;
      const reports = event.reports.filter(({ observation }) => observation.kind !== 'answer' || observation.ok);
      return { event: { ...event, reports } };
    },
  }),
  {
    name: 'one failure of a probe is enough',
    machine(policy, state, event) {
      const probes = policy.health.probes.map(probe => ('retries' in probe ? { ...probe, retries: 1 } : probe));
      return decide({ ...policy, health: { ...policy.health, probes } }, state, event);
    },
  },
  planted('a run is healthy though its probe never was', {
    after: ({ state }) => {
      const { phase } = state;
      if (phase.kind !== 'running' || phase.live.health.green) return null;
      return {
        state: {
          ...state,
          phase: { ...phase, live: { ...phase.live, health: { ...phase.live.health, green: true } } },
        },
      };
    },
  }),
  planted('a probe that failed is no crash', {
    after: ({ state }, before) =>
      state.lastExit?.cause === 'probe' && state.crashes.length > before.crashes.length
        ? { state: { ...state, crashes: before.crashes } }
        : null,
  }),
  planted('an incident is opened twice at a cooldown', {
    after: ({ state, effects }) =>
      state.phase.kind === 'cooldown'
        ? { effects: [...effects, ...effects.filter(({ type }) => type === 'open-incident')] }
        : null,
  }),
  planted('no incident tells of a start that failed', {
    after: ({ effects }) => ({
      effects: without(effects, effect => effect.type === 'open-incident' && effect.incident.kind === 'start-failed'),
    }),
  }),
  planted('a recovery closes no incident', {
    after: ({ effects }) => ({ effects: without(effects, ({ type }) => type === 'close-incident') }),
  }),
  planted('the schedule is asked only once', {
    after: ({ effects }, _before, event) =>
      event.type === 'timer-fired' ? { effects: without(effects, ({ type }) => type === 'plan-run') } : null,
  }),
];
