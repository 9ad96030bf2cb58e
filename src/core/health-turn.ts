import { type HealthFact, KILL_WHEN, type ProbeReport, type Reason, type Verdict } from './health-model.ts';
import { becameHealthy, type HealthTurn, healthStep, startHealth } from './health-step.ts';
import type { Live } from './model.ts';
import { stopChild } from './requests.ts';
import { arm, disarm, elapsed, enter, order, set, type Turn, tell } from './transition.ts';
import { hold, spawnNow } from './waits.ts';

/** A run is up: from now on it is judged. */
export function beginHealth(turn: Turn, live: Live): void {
  const step = startHealth(turn.policy.health, turn.event.at);
  enter(turn, { kind: 'running', live: { ...live, health: step.state } });
  follow(turn, step);
}

/** Something happened to the health of the run that is up. */
export function judge(turn: Turn, fact: HealthFact): void {
  const { phase } = turn.state;
  if (phase.kind !== 'running' && phase.kind !== 'stopping') return;
  const { health } = phase.live;
  // No tick is due while a run is being stopped.
  const before = phase.kind === 'running' ? health : { ...health, nextTickAt: null };
  follow(turn, healthStep(turn.policy.health, before, fact, turn.event.at));
}

function follow(turn: Turn, step: HealthTurn): void {
  const { phase } = turn.state;
  if (phase.kind !== 'running' && phase.kind !== 'stopping') return;
  const up = phase.kind === 'running';
  const live = { ...phase.live, health: step.state, tickTimer: up ? nextTick(turn, phase.live, step) : null };
  turn.state = { ...turn.state, phase: { ...phase, live } };
  turn.save ||= step.save;
  if (up && step.ask.length > 0) order(turn, { type: 'ask-probes', runId: live.runId, names: step.ask });
  for (const verdict of step.verdicts) act(turn, verdict);
}

/** One timer for all probes, armed anew only when its time has changed. */
function nextTick(turn: Turn, live: Live, { state: { nextTickAt } }: HealthTurn): Live['tickTimer'] {
  if (live.tickTimer !== null && nextTickAt === live.health.nextTickAt) return live.tickTimer;
  disarm(turn, live.tickTimer);
  return nextTickAt === null ? null : arm(turn, Math.max(0, nextTickAt - turn.event.at.mono));
}

function act(turn: Turn, verdict: Verdict): void {
  switch (verdict.kind) {
    case 'unhealthy':
      return unhealthy(turn, verdict.reasons);
    case 'tripped':
      return trip(turn, verdict.why);
    case 'green':
      return green(turn);
    case 'warning':
      return tell(turn, { kind: 'probe-warning', name: verdict.reason.name, detail: verdict.reason.detail });
    case 'restored':
      return tell(turn, { kind: 'probe-restored', name: verdict.name, detail: verdict.detail });
    case 'clock-gap':
    case 'blind':
    case 'sees-again':
      return tell(turn, verdict);
    default:
      return verdict satisfies never;
  }
}

/** Ends the run for its critical probes; one that fails while it is being ended for others joins their reasons. */
function unhealthy(turn: Turn, reasons: readonly Reason[]): void {
  const { phase } = turn.state;
  const why = reasons.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
  if (phase.kind === 'running') {
    const cause = reasons.every(({ name }) => isLimit(turn, name)) ? 'limit' : 'probe';
    return stopChild(turn, phase.live, cause, why, reasons);
  }
  if (phase.kind === 'stopping' && phase.reasons.length > 0) enter(turn, { ...phase, why, reasons });
}

function isLimit(turn: Turn, name: string): boolean {
  return turn.policy.health.probes.find(probe => probe.name === name)?.endsAs !== 'probe';
}

/** The kill condition came true: held on disk first, then stopped, whether or not the disk obeyed. */
function trip(turn: Turn, why: string): void {
  const { phase } = turn.state;
  const { at } = turn.event;
  order(turn, { type: 'write-hold', hold: { cause: 'kill-condition', why, at: at.wall } });
  if (phase.kind === 'running') return stopChild(turn, phase.live, 'kill-condition', why);
  // A run that is being ended for another reason must not be followed by the next.
  if (phase.kind === 'stopping') enter(turn, { ...phase, cause: 'kill-condition', why });
}

function green(turn: Turn): void {
  const { phase } = turn.state;
  if (phase.kind !== 'running' || phase.live.healthy || phase.live.healthyTimer !== null) return;
  if (elapsed(turn, phase.live.since.mono) >= turn.policy.healthyAfterMs) becameHealthy(turn, phase.live);
}

/** The kill condition was read before a start: true holds, blind holds if that was asked for, everything else starts. */
export function checkedBeforeStart(turn: Turn, reports: readonly ProbeReport[]): void {
  const seen = reports.find(({ probe }) => probe === KILL_WHEN)?.observation;
  if (seen === undefined) return;
  // One that could not be read counts as missing metrics.
  const why = seen.kind === 'condition' ? seen.why : 'detail' in seen ? seen.detail : 'it was not read';
  const blind = seen.kind === 'condition' ? seen.result === 'blind' && !seen.notYet : true;
  const tripped = seen.kind === 'condition' && seen.result === 'tripped';
  if (tripped || (blind && turn.policy.health.killWhen?.blindTrips === true)) {
    const held = { cause: 'kill-condition', why, at: turn.event.at.wall } as const;
    hold(turn, held);
    return tell(turn, { kind: 'held', hold: held });
  }
  if (blind) tell(turn, { kind: 'blind', why });
  set(turn, {});
  spawnNow(turn);
}
