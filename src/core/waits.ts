import type { EndReading, Event, Next } from './events.ts';
import { KILL_WHEN, type Reason } from './health-model.ts';
import { planLimit, stepAfterLimit } from './limits.ts';
import type { CauseAction, Hold, LimitWait, Live, Phase, Policy, State } from './model.ts';
import { EXIT } from './signals.ts';
import { arm, elapsed, enter, order, set, type Turn, tell } from './transition.ts';
import type { Mono, Wall } from './units.ts';

/** After so many runs in a row that lived under {@link SHORT_RUN_MS}, no wait is below {@link FLOOR_MS}. */
const FLOOR_AFTER_RUNS = 100;
export const SHORT_RUN_MS = 1000;
const FLOOR_MS = 20;

/**
 * The wait before the next start, in ms: first `backoffMs`, then times the factor, capped; then the share that the roll
 * adds, so that jitter still spreads a fleet that sits at the cap.
 * @param step how many waits there were since the last reset
 * @param roll in [0, 1)
 */
export function backoffWait(policy: Policy, step: number, shortRuns: number, roll: number): number {
  // Zero stays zero: the factor's power soon is Infinity, and 0 × Infinity is not a number.
  const grown = policy.backoffMs === 0 ? 0 : policy.backoffMs * policy.backoffFactor ** step;
  const capped = Math.min(grown, policy.backoffMaxMs);
  const spread = Math.round(capped * (1 + policy.jitter * roll));
  return shortRuns >= FLOOR_AFTER_RUNS ? Math.max(spread, FLOOR_MS) : spread;
}

/** A run that reached healthy-after and died, this often in {@link SLOW_LOOP_WINDOW_MS}, is a slow crash loop. */
export const SLOW_LOOP_DEATHS = 5;
export const SLOW_LOOP_WINDOW_MS = 6 * 3_600_000;

/** The times still inside the window that ends now, with now added; at most `keep` of them, the latest. */
export function withinWindow(times: readonly Mono[], now: Mono, windowMs: number, keep: number): Mono[] {
  const recent = times.filter(time => now - time < windowMs);
  recent.push(now);
  return recent.slice(-Math.max(keep, 1));
}

/** Whether so many crashes in the window call for a cooldown. */
function isFlapping(policy: Policy, crashes: readonly Mono[]): boolean {
  return policy.flapThreshold > 0 && crashes.length >= policy.flapThreshold;
}

/** A fresh slate: after a reset, and after a stop by a person, who has ended that story. */
export const NO_TROUBLES = {
  backoffStep: 0,
  restartsInRow: 0,
  shortRuns: 0,
  limitsInRow: 0,
  refusalsInRow: 0,
  resumeNext: false,
  resumedInRow: 0,
  crashes: [],
  slowDeaths: [],
} as const satisfies Partial<State>;

/** Begins the next run, with a look at the kill condition if there is one. Only from {@link settle}, which knows that nothing stands against it. */
function begin(turn: Turn): void {
  const { state, event, policy } = turn;
  if (state.phase.kind === 'cooldown') set(turn, { crashes: [], backoffStep: 0 });
  const runId = event.freshRunId;
  const checking = policy.health.killWhen !== null;
  enter(turn, { kind: 'starting', runId, since: event.at, checking });
  if (checking) order(turn, { type: 'ask-probes', runId, names: [KILL_WHEN] });
  else spawnNow(turn);
}

/** After so many resumed runs in a row that did not get healthy, the plain command begins anew. */
const MOST_RESUMED = 2;

/** Spawns the run that is starting. */
export function spawnNow(turn: Turn): void {
  const { phase } = turn.state;
  if (phase.kind !== 'starting') return;
  const { policy, state } = turn;
  const run = state.run + 1;
  const resume = policy.resumes && !policy.scheduled && state.resumeNext && state.resumedInRow < MOST_RESUMED;
  set(turn, {
    run,
    phase: { ...phase, checking: false },
    restarts: restartsWith(turn),
    askedStart: false,
    resumedInRow: resume ? state.resumedInRow + 1 : 0,
  });
  order(turn, { type: 'spawn-child', run, runId: phase.runId, ...(resume ? { resume } : {}) });
}

/** How many restarts there are with the one that begins now, if it is one. */
function restartsWith({ state, policy }: Turn): number {
  const before = state.restarts ?? Math.max(0, state.run - 1);
  const cause = state.lastExit?.cause;
  const asked = state.askedStart === true || cause === 'stopped' || cause === 'restarted';
  return state.run === 0 || policy.scheduled || asked || cause === undefined ? before : before + 1;
}

/**
 * The last thing in every turn: does what had to wait until nothing of the former run is left. Ends the watcher if it is
 * to end, else starts the next run if its wait is over.
 */
export function settle(turn: Turn): void {
  const { phase, clearing, leaving } = turn.state;
  if (clearing !== null) return;
  const up = phase.kind === 'starting' || phase.kind === 'running' || phase.kind === 'stopping';
  if (leaving !== null) {
    if (!up) order(turn, { type: 'exit-watcher', code: leaving.code });
    return;
  }
  if (phase.kind === 'checking') return askCheck(turn, phase);
  if (phase.kind === 'limited' && phase.timer === null && turn.policy.scheduled)
    return planRun(turn, null, phase.since.wall);
  if ('timer' in phase && phase.kind !== 'waiting' && phase.timer === null) begin(turn);
}

/** Orders the check, once nothing of the run is left that could still write. */
function askCheck(turn: Turn, phase: Extract<Phase, { kind: 'checking' }>): void {
  if (phase.asked) return;
  enter(turn, { ...phase, asked: true });
  order(turn, { type: 'check-run', run: turn.state.run, ended: phase.ended });
}

/** Waits this long, or not at all, before the next start. */
export function wait(turn: Turn, kind: 'backoff' | 'cooldown', waitMs: number): void {
  enter(turn, {
    kind,
    waitMs,
    since: turn.event.at,
    timer: waitMs > 0 ? arm(turn, waitMs) : null,
  });
}

/** Keeps the child down until a person resets it, on disk before anything else. */
export function hold(turn: Turn, hold: Hold): Next {
  order(turn, { type: 'write-hold', hold });
  enterHold(turn, hold);
  return { kind: 'hold', hold };
}

/** Held, by a hold that is on disk already. */
export function enterHold(turn: Turn, hold: Hold): void {
  enter(turn, { kind: 'held', hold });
  if (turn.policy.onHold === 'exit') leave(turn, EXIT.held);
}

/** The watcher is to end with that code as soon as nothing is left of the child. */
function leave(turn: Turn, code: number): void {
  if (turn.state.leaving !== null) return;
  set(turn, {
    leaving: { code, since: turn.event.at, signal: turn.policy.stopSignal, now: false },
  });
}

/** Ends supervision because the policy asks for no further run. */
export function finish(turn: Turn, code: number): Next {
  enter(turn, { kind: 'finished', code });
  leave(turn, code);
  return { kind: 'finish', code };
}

/**
 * The wait after an end that leads to another start: a cooldown if it flaps, else the next step of the backoff.
 * @param counts whether the end makes later waits longer, and may lead to a cooldown
 * @param atLeastMs no wait is shorter: the pause that a service asked for
 */
export function waitForRestart(turn: Turn, counts: boolean, atLeastMs = 0): Next {
  const { policy, state, event } = turn;
  set(turn, { restartsInRow: state.restartsInRow + 1 });
  if (counts && isFlapping(policy, state.crashes)) {
    const inMs = Math.max(policy.flapCooldownMs, atLeastMs);
    wait(turn, 'cooldown', inMs);
    return { kind: 'cooldown', crashes: state.crashes.length, windowMs: policy.flapWindowMs, inMs };
  }
  const waitMs = backoffWait(policy, state.backoffStep, state.shortRuns, event.roll);
  if (!state.toldFloor && waitMs > backoffWait(policy, state.backoffStep, 0, event.roll)) {
    set(turn, { toldFloor: true });
    order(turn, {
      type: 'tell',
      note: { kind: 'wait-floor', floorMs: FLOOR_MS },
    });
  }
  if (counts) set(turn, { backoffStep: state.backoffStep + 1 });
  const inMs = Math.max(waitMs, atLeastMs);
  wait(turn, 'backoff', inMs);
  return { kind: 'restart', number: state.run, inMs };
}

/** Asks the schedule for the next run, or whether the one that is waited for still stands. */
export function planRun(turn: Turn, due: Wall | null, since?: Wall): void {
  enter(turn, { kind: 'waiting', due, timer: null });
  order(turn, { type: 'plan-run', due, lastDue: turn.state.lastDue, ...(since === undefined ? {} : { since }) });
}

/** The schedule's answer. It is looked at again and again while it is waited for: clocks are set, and machines sleep. */
export function runPlanned(turn: Turn, { due, waitMs, skipped = 0 }: Extract<Event, { type: 'run-planned' }>): void {
  const { phase } = turn.state;
  if (phase.kind !== 'waiting' || phase.timer !== null) return;
  if (skipped > 0) tell(turn, { kind: 'slots-skipped', count: skipped });
  if (due === null) {
    finish(turn, 0);
    return;
  }
  if (waitMs > 0) {
    if (phase.due !== due) tell(turn, { kind: 'planned', due });
    return enter(turn, { kind: 'waiting', due, timer: arm(turn, waitMs) });
  }
  set(turn, { lastDue: due });
  wait(turn, 'backoff', 0);
}

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
