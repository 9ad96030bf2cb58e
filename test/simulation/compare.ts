import type { Phase, Policy, State } from '../../src/core/model.ts';
import { longestStopMs } from '../../src/core/requests.ts';
import type { Belief, Mode } from './belief.ts';
import type { Oracle } from './oracle.ts';

const PHASE_OF: Readonly<Record<Mode['is'], Phase['kind']>> = {
  stopped: 'stopped',
  finished: 'finished',
  held: 'held',
  starting: 'starting',
  up: 'running',
  ending: 'stopping',
  checking: 'checking',
  waiting: 'backoff',
  limited: 'limited',
  scheduled: 'waiting',
};

/** Where the machine's state says something else than an honest observer would; null if nowhere. */
export function difference(state: State, belief: Belief, policy: Policy, now: number): string | null {
  const { phase } = state;
  const { mode } = belief;
  const kind = mode.is === 'waiting' && mode.cooldown ? 'cooldown' : PHASE_OF[mode.is];
  if (phase.kind !== kind) return `it says ${phase.kind}, but it is ${kind}`;
  const numbers: [string, number, number][] = [
    ['run', state.run, belief.run],
    ['backoffStep', state.backoffStep, belief.step],
    ['restartsInRow', state.restartsInRow, belief.row],
    ['shortRuns', state.shortRuns, belief.short],
    ['limitsInRow', state.limitsInRow, belief.limits],
    ['refusalsInRow', state.refusalsInRow, belief.refusals],
    ['slowDeaths', state.slowDeaths.length, belief.slow.length],
    ['crashes in the window', inWindow(state.crashes, policy, now), inWindow(belief.crashes, policy, now)],
  ];
  for (const [name, said, is] of numbers) if (said !== is) return `${name}: it says ${said}, but it is ${is}`;
  if ((state.lastExit?.cause ?? null) !== belief.last)
    return `it ended by ${belief.last}, not ${state.lastExit?.cause}`;
  if ((state.clearing?.runId ?? null) !== (belief.clearing?.runId ?? null))
    return 'it is wrong about what is to be cleared';
  if ((state.stuck !== null) !== belief.stuck) return 'it is wrong about what cannot be ended';
  if ((state.leaving?.code ?? null) !== (belief.leaving?.code ?? null)) return 'it is wrong about leaving';
  if ((state.incident?.open ?? false) !== belief.incident) return 'it is wrong about an open incident';
  if (state.everUp !== belief.everUp) return 'it is wrong about having been up';
  if (mode.is === 'limited' && phase.kind === 'limited') {
    if (phase.startAt !== mode.startAt || phase.limit.until !== mode.until) return 'a limited wait with another end';
    return belief.leaving !== null || (phase.timer === null) === mode.over
      ? null
      : 'it is wrong about a limit being over';
  }
  return detail(phase, mode);
}

function inWindow(crashes: readonly number[], policy: Policy, now: number): number {
  const count = crashes.filter(at => now - at < policy.flapWindowMs).length;
  return Math.min(count, policy.flapThreshold);
}

function detail(phase: Phase, mode: Mode): string | null {
  if (mode.is === 'waiting' && 'waitMs' in phase) {
    if (Math.abs(phase.waitMs - mode.ms) > 1) return `a wait of ${phase.waitMs} ms that should be ${mode.ms}`;
    if (Math.abs(phase.since.mono - mode.from) > 1) return 'a wait with another beginning';
    return (phase.timer === null) === mode.over ? null : 'it is wrong about the wait being over';
  }
  if (mode.is === 'starting' && phase.kind === 'starting')
    return phase.runId === mode.runId && phase.checking === mode.checking ? null : 'another start';
  if (mode.is === 'checking' && phase.kind === 'checking')
    return phase.ended.runId === mode.runId && phase.asked === (mode.asked !== null) ? null : 'another check';
  if ((mode.is !== 'up' && mode.is !== 'ending') || !('live' in phase)) return null;
  const { live } = phase;
  if (live.runId !== mode.runId) return 'another run';
  if (live.healthy !== mode.healthy) return `it says healthy: ${live.healthy}, but it is ${mode.healthy}`;
  return phase.kind === 'stopping' && mode.is === 'ending' && phase.cause !== mode.cause
    ? `it is ended for ${mode.cause}, not ${phase.cause}`
    : null;
}

/** Until when something must have happened: longer than all lateness that the world adds. */
export const PATIENCE_MS = 180_000;

/** When at the latest this belief must have changed, and what is late then. Null: it may stay so. */
export function deadline(
  { belief: { mode, clearing, stuck }, green, bad }: Oracle,
  policy: Policy,
): { at: number; what: string } | null {
  const times: [number, string][] = [];
  if (clearing !== null && !stuck)
    times.push([clearing.since + longestStopMs(policy), `the end of what ${clearing.runId} left`]);
  if (mode.is === 'starting') times.push([mode.since, 'the news of a start']);
  if (mode.is === 'up' && !mode.healthy && green) times.push([mode.since + policy.healthyAfterMs, 'its being healthy']);
  if (mode.is === 'up' && policy.maxRuntimeMs !== null)
    times.push([mode.since + policy.maxRuntimeMs, 'the end of a long run']);
  if (mode.is === 'checking' && mode.asked !== null) times.push([mode.asked + 60_000, 'the verdict on a run']);
  if (mode.is === 'scheduled') times.push([mode.until ?? mode.since, 'the word of the schedule']);
  for (const probe of policy.health.probes)
    if (mode.is === 'up' && bad !== null && 'retries' in probe)
      times.push([bad.since + probe.graceMs + (probe.retries + 8) * probe.intervalMs, 'the end of an ill run']);
  if (mode.is === 'ending' && !stuck)
    times.push([mode.asked + longestStopMs(policy), 'the end of a run that is being stopped']);
  if (mode.is === 'limited' && !mode.over)
    times.push([mode.lookedAt + 60_000, 'a look at the clock in a limited wait']);
  if (mode.is === 'waiting' && !mode.over) times.push([mode.from + mode.ms, 'the start after a wait']);
  let first: [number, string] | null = null;
  for (const time of times) if (first === null || time[0] < first[0]) first = time;
  return first && { at: first[0] + PATIENCE_MS, what: first[1] };
}
