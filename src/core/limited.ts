import type { EndReading, Next } from './events.ts';
import type { Reason } from './health-model.ts';
import { planLimit, stepAfterLimit } from './limits.ts';
import type { CauseAction, LimitWait, Live, Phase } from './model.ts';
import type { Wall } from './time.ts';
import { arm, elapsed, enter, set, type Turn } from './transition.ts';

/** A limited wait is looked at so often: clocks are set, and machines sleep. */
const LOOK_EVERY_MS = 60_000;
/** One refusal may be an accident of the other end. */
const REFUSALS_BEFORE_WAIT = 2;

/** What the words of an ended run make of the wait after it. */
export type LimitOutcome =
  | { kind: 'limited'; limit: LimitWait; startAt: Wall }
  /** A pause that the ordinary backoff covers, or is made to. */
  | { kind: 'soon'; atLeastMs: number };

/** What was asked for ends of this cause; null: nothing. */
export function causeAction({ policy }: Turn, reading: EndReading | null): CauseAction | null {
  return reading === null || reading.cause === null ? null : (policy.onCause[reading.cause] ?? null);
}

/** The wait that follows; null: the ordinary one. */
export function limitOutcome(turn: Turn, reading: EndReading | null): LimitOutcome | null {
  const action = causeAction(turn, reading);
  if (action?.kind !== 'wait' || reading?.cause == null) return null;
  const { state, event, policy } = turn;
  const now = event.at.wall;
  const { cause, line } = reading;
  if (action.everyMs !== null) {
    if (cause === 'auth-failed' && state.refusalsInRow < REFUSALS_BEFORE_WAIT) return null;
    return { kind: 'limited', limit: { cause, until: null, line }, startAt: (now + action.everyMs) as Wall };
  }
  if (reading.limit === null) return null;
  const step = stepAfterLimit(reading.limit, now, policy.maxWaitMs);
  if (step.kind === 'soon') return { kind: 'soon', atLeastMs: step.until === null ? 0 : Math.max(0, step.until - now) };
  const { waitMs, until } = planLimit(step, now, state.limitsInRow, event.roll);
  return { kind: 'limited', limit: { cause, until, line }, startAt: (now + waitMs) as Wall };
}

/** The wait for a budget that was used up, if one of these probes watches over it: until its window has moved on. */
export function budgetOutcome({ policy }: Turn, { health }: Live, reasons: readonly Reason[]): LimitOutcome | null {
  for (const { name, detail } of reasons) {
    const index = policy.health.probes.findIndex(probe => probe.name === name && probe.endsAs === 'budget');
    const until = health.probes[index]?.value as Wall | null | undefined;
    if (until == null) continue;
    return { kind: 'limited', limit: { cause: 'budget', until, line: detail }, startAt: until };
  }
  return null;
}

/** Begins a limited wait: no crash, no step of the backoff. */
export function enterLimited(turn: Turn, { limit, startAt }: Extract<LimitOutcome, { kind: 'limited' }>): Next {
  set(turn, { limitsInRow: turn.state.limitsInRow + 1 });
  waitLimited(turn, { kind: 'limited', limit, startAt, since: turn.event.at, timer: null });
  return { kind: 'limited', limit, startAt };
}

/** Waits on, or is over: by the wall clock; a try at no certain time also by the time that has passed. */
export function waitLimited(turn: Turn, phase: Extract<Phase, { kind: 'limited' }>): void {
  const leftMs = limitedLeftMs(turn, phase);
  enter(turn, { ...phase, timer: leftMs > 0 ? arm(turn, Math.min(leftMs, LOOK_EVERY_MS)) : null });
}

/** What is left of a limited wait, in ms; 0: it is over. */
export function limitedLeftMs(turn: Turn, { limit, startAt, since }: Extract<Phase, { kind: 'limited' }>): number {
  const byWall = startAt - turn.event.at.wall;
  const planned = startAt - since.wall;
  const left = limit.until === null ? Math.min(byWall, planned - elapsed(turn, since.mono)) : byWall;
  // Whole ms, upwards: timers of the platform cut fractions, and a wait must not end early.
  return Math.max(0, Math.ceil(left));
}
