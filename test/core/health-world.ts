import type { HealthPolicy, HealthState, Observation, ProbeReport, Verdict } from '../../src/core/health-model.ts';
import { type HealthTurn, healthStep, startHealth } from '../../src/core/health-step.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';

/** How a question is answered at that moment; undefined: the answer never comes. */
export type ControlRequests = Record<string, (at: Stamp, asked: number) => Observation | undefined>;

export interface Heard {
  atMs: number;
  verdict: Verdict;
}

/** A run's health on virtual clocks: timers fire when they should, unless the world stands still. */
export function healthWorld(policy: HealthPolicy, answers: ControlRequests, latencyMs = 10) {
  let mono = 1_000_000;
  let wall = 1_700_000_000_000;
  const now = (): Stamp => ({ mono: mono as Mono, wall: wall as Wall });
  const startMono = mono;
  const heard: Heard[] = [];
  const asked: Record<string, number> = {};
  let pending: { dueMs: number; names: readonly string[] }[] = [];
  let state: HealthState;

  function follow(turn: HealthTurn): void {
    state = turn.state;
    for (const verdict of turn.verdicts) heard.push({ atMs: mono - startMono, verdict });
    if (turn.ask.length > 0) pending.push({ dueMs: mono + latencyMs, names: turn.ask });
  }

  function answer(names: readonly string[]): void {
    const reports: ProbeReport[] = names.flatMap(probe => {
      asked[probe] = (asked[probe] ?? 0) + 1;
      const observation = answers[probe]?.(now(), asked[probe]);
      return observation === undefined ? [] : [{ probe, observation }];
    });
    if (reports.length > 0) follow(healthStep(policy, state, { type: 'probes-reported', reports }, now()));
  }

  follow(startHealth(policy, now()));
  const world = {
    now,
    heard,
    asked,
    get state() {
      return state;
    },
    get elapsedMs() {
      return mono - startMono;
    },
    report(...reports: ProbeReport[]) {
      follow(healthStep(policy, state, { type: 'probes-reported', reports }, now()));
    },
    blocked(blocked: boolean) {
      follow(healthStep(policy, state, { type: 'output-blocked', blocked }, now()));
    },
    /** Lets time pass, with every timer and answer on time. */
    run(ms: number) {
      const end = mono + ms;
      for (;;) {
        const answerAt = Math.min(...pending.map(({ dueMs }) => dueMs));
        const tickAt = state.nextTickAt ?? Number.POSITIVE_INFINITY;
        const next = Math.min(answerAt, tickAt);
        if (next > end) break;
        world.pass(Math.max(0, next - mono));
        if (answerAt <= tickAt) {
          const due = pending.filter(({ dueMs }) => dueMs <= mono);
          pending = pending.filter(({ dueMs }) => dueMs > mono);
          for (const { names } of due) answer(names);
        } else follow(healthStep(policy, state, { type: 'tick' }, now()));
      }
      world.pass(end - mono);
    },
    /** Time passes and nothing of ours runs: we were stopped, or starved. */
    pass(ms: number) {
      mono += ms;
      wall += ms;
    },
    jumpWall(ms: number) {
      wall += ms;
    },
    kinds: () => heard.map(({ verdict }) => verdict.kind),
    /** Names of the reasons for which the run would be ended, and when that was said first. */
    ended() {
      const first = heard.find(({ verdict }) => verdict.kind === 'unhealthy');
      return first === undefined ? null : { atMs: first.atMs, names: state.reasons.map(({ name }) => name) };
    },
  };
  return world;
}

export const well = (detail = 'ok', value: number | null = null): Observation => {
  return { kind: 'answer', ok: true, detail, value };
};
export const ill = (detail = 'refused', value: number | null = null): Observation => {
  return { kind: 'answer', ok: false, detail, value };
};
