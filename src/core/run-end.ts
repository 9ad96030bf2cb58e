import type { EndReading, Next, Rejection } from './events.ts';
import type { Reason } from './health-model.ts';
import type { EndedRun, Exit, ExitCause, Live, SpawnFailure } from './model.ts';
import { EXIT, isSuccess, shellCode, startFailureCode } from './signals.ts';
import { elapsed, enter, incidentKind, openIncident, order, set, type Turn, tell } from './transition.ts';
import {
  causeAction,
  enterLimited,
  finish,
  hold,
  type LimitOutcome,
  limitOutcome,
  NO_TROUBLES,
  planRun,
  SHORT_RUN_MS,
  SLOW_LOOP_DEATHS,
  SLOW_LOOP_WINDOW_MS,
  wait,
  waitForRestart,
  withinWindow,
} from './waits.ts';

/** Ends in the middle of the work. */
const CUT_SHORT: ReadonlySet<ExitCause> = new Set(['crash', 'limited', 'probe', 'limit']);
const NO_EXIT: Exit = { code: null, signal: null };

/** A run that nobody ended: what it means, and what comes next. */
export function endedByItself(turn: Turn, live: Live, exit: Exit, reading: EndReading | null): void {
  const refused = reading?.cause === 'auth-failed';
  set(turn, { refusalsInRow: refused ? turn.state.refusalsInRow + 1 : 0 });
  const limit = limitOutcome(turn, reading);
  const failed = reading !== null && (reading.success === false || reading.cause !== null);
  const run = endOf(turn, live, exit);
  const succeeded = !failed && isSuccess(turn.policy, exit, run.uptimeMs);
  const cause = limit?.kind === 'limited' ? 'limited' : succeeded ? 'success' : 'crash';
  if (cause === 'success' && turn.policy.checksRuns) return beginCheck(turn, run, null);
  ended(turn, run, { cause, why: reading?.why ?? null, reasons: [], reading, limit });
}

/**
 * Its output is to be checked before it counts.
 * @param code what the watcher ends with where the exit answered our own signal
 */
export function beginCheck(turn: Turn, run: EndedRun, code: number | null): void {
  enter(turn, { kind: 'checking', ended: run, code, asked: false });
  tell(turn, { kind: 'checking', exit: run.exit, uptimeMs: run.uptimeMs });
}

/** A run that ends now. */
export function endOf(turn: Turn, { runId, since, healthy, health: { memory } }: Live, exit: Exit): EndedRun {
  return { runId, exit, at: turn.event.at, uptimeMs: elapsed(turn, since.mono), healthy, memory };
}

/** Why a run ended: the cause, and in words what was wrong where it was us who ended it. */
interface EndCause {
  cause: ExitCause;
  why: string | null;
  reasons: readonly Reason[];
  /** Of a run that ended by itself: what its output says of it, and the wait that follows from that. */
  reading?: EndReading | null;
  limit?: LimitOutcome | null;
  rejection?: Rejection;
  /** What the watcher ends with where the exit is an answer to our own signal. */
  code?: number;
}

/** A run's end with its cause: counts it, decides what comes next, and says so. */
export function ended(turn: Turn, run: EndedRun, end: EndCause): void {
  const { cause, why, reasons, rejection } = end;
  const { exit, at, uptimeMs, memory } = run;
  set(turn, {
    lastExit: { ...exit, at: at.wall, cause, uptimeMs },
    // What outgrew its model cannot be gone on with; whoever asked for a restart wants a fresh start.
    resumeNext: CUT_SHORT.has(cause) && end.reading?.cause !== 'context-overflow',
    shortRuns: uptimeMs < SHORT_RUN_MS ? turn.state.shortRuns + 1 : 0,
  });
  const relapse = isRelapse(turn, run, end);
  if (relapse) set(turn, { backoffStep: turn.state.stepBefore });
  const deathsBefore = turn.state.slowDeaths.length;
  // A life that proved nothing is no healthy one.
  const next = nextAfter(turn, relapse ? { ...run, healthy: false } : run, end);
  tell(turn, { kind: 'exited', exit, cause, why, uptimeMs, next });
  // The list is emptied when it made a slow loop; it gets shorter also when old deaths leave its window.
  const slowLoop = deathsBefore > 0 && turn.state.slowDeaths.length === 0;
  if (relapse) return takeBackRecovery(turn);
  const kind = incidentKind(turn, cause, reasons, slowLoop || next.kind === 'cooldown');
  // Limits in a row are one incident, until a run is healthy.
  if (kind === null || (kind === 'limited' && turn.state.incident?.open && turn.state.incident.limited)) return;
  const told = rejection === undefined ? {} : { rejection };
  openIncident(turn, { at, kind, run: turn.state.run, exit, cause, reasons, why, ...told, uptimeMs, memory, next });
}

/** So many times --healthy-after a run must live before an end like the one before is news. */
const RELAPSE_LIVES = 10;

/** A run that got healthy by time and ended like the one before proves nothing: a dead login that takes three minutes to fail. */
function isRelapse({ policy, state }: Turn, { healthy, uptimeMs }: EndedRun, { cause, reading }: EndCause): boolean {
  const soon = uptimeMs < RELAPSE_LIVES * policy.healthyAfterMs;
  return cause === 'crash' && reading?.same === true && healthy && soon && state.incident !== null;
}

/** The last incident goes on; said once. */
function takeBackRecovery(turn: Turn): void {
  const { incident } = turn.state;
  if (incident === null) return;
  if (incident.relapsed !== true) tell(turn, { kind: 'relapsed' });
  set(turn, { incident: { ...incident, open: true, relapsed: true } });
  order(turn, { type: 'reopen-incident', at: incident.at });
}

function nextAfter(turn: Turn, { healthy, exit }: EndedRun, end: EndCause): Next {
  const { cause, why } = end;
  if (cause === 'stopped') return stopped(turn);
  if (cause === 'restarted') {
    if (turn.state.leaving !== null) return stopped(turn);
    wait(turn, 'backoff', 0);
    return { kind: 'restart', number: turn.state.run, inMs: 0 };
  }
  const counts = cause !== 'success' || !healthy;
  count(turn, healthy, cause, counts);
  if (cause === 'kill-condition') {
    return hold(turn, {
      cause: 'kill-condition',
      why: why ?? 'a kill condition was met',
      at: turn.event.at.wall,
    });
  }
  if (turn.state.leaving !== null) return stopped(turn);
  return nextByPolicy(turn, exit, end, counts);
}

/** An end that nobody asked for counts for the flap window, unless it was a success of a run that had been healthy. */
function count(turn: Turn, healthy: boolean, cause: ExitCause, counts: boolean): void {
  const { policy, state, event } = turn;
  if (cause === 'kill-condition' || cause === 'limited') return;
  if (counts) {
    set(turn, {
      crashes: withinWindow(state.crashes, event.at.mono, policy.flapWindowMs, policy.flapThreshold),
    });
  }
  if (!healthy) return;
  const slowDeaths = withinWindow(state.slowDeaths, event.at.mono, SLOW_LOOP_WINDOW_MS, SLOW_LOOP_DEATHS);
  const told = slowDeaths.length >= SLOW_LOOP_DEATHS;
  set(turn, { slowDeaths: told ? [] : slowDeaths });
  if (told)
    tell(turn, {
      kind: 'slow-loop',
      deaths: slowDeaths.length,
      windowMs: SLOW_LOOP_WINDOW_MS,
    });
}

function nextByPolicy(turn: Turn, exit: Exit, end: EndCause, counts: boolean): Next {
  const { policy, state, event } = turn;
  const { cause, reading = null, limit = null } = end;
  // Only a code that the child chose: one that answers our own signal says nothing about the next run.
  const itsOwn = end.code === undefined && (cause === 'crash' || cause === 'success' || cause === 'limited');
  if (itsOwn && exit.code !== null && policy.holdCodes.includes(exit.code)) {
    const why = `it exited with code ${exit.code}, which --hold-codes names`;
    return hold(turn, { cause: 'hold-code', why, at: event.at.wall });
  }
  if (causeAction(turn, reading)?.kind === 'hold') {
    const why = `it ended with ${reading?.cause}, after which --on-cause holds`;
    return hold(turn, { cause: 'hold-code', why, at: event.at.wall });
  }
  if (state.askedStart === true) {
    wait(turn, 'backoff', 0);
    return { kind: 'restart', number: state.run, inMs: 0 };
  }
  if (policy.restart === 'never' && !policy.scheduled) return finish(turn, end.code ?? finishCode(exit, reading));
  if (policy.restart === 'on-failure' && !policy.scheduled && cause === 'success')
    return finish(turn, end.code ?? shellCode(exit));
  if (limit?.kind === 'limited') return enterLimited(turn, limit);
  if (policy.maxRestarts !== null && !policy.scheduled && state.restartsInRow >= policy.maxRestarts) {
    const why = `${state.restartsInRow} restarts in a row reached no healthy run (--max-restarts ${policy.maxRestarts})`;
    return hold(turn, { cause: 'max-restarts', why, at: event.at.wall });
  }
  if (cause === 'success' && !state.toldSuccess && !policy.scheduled) {
    set(turn, { toldSuccess: true });
    tell(turn, { kind: 'success-restarts' });
  }
  if (policy.scheduled) {
    planRun(turn, null);
    return { kind: 'schedule' };
  }
  return waitForRestart(turn, counts, limit?.kind === 'soon' ? limit.atLeastMs : 0);
}

/** The child's own code; 0 of a run whose output tells of a failure must not look like a success. */
function finishCode(exit: Exit, reading: EndReading | null): number {
  const code = shellCode(exit);
  const failed = reading !== null && (reading.success === false || reading.cause !== null);
  return code === 0 && failed ? EXIT.notWell : code;
}

function stopped(turn: Turn): Next {
  // A person ended the story, whatever was ending the run when they said so.
  if (turn.state.leaving?.byPerson === true) set(turn, NO_TROUBLES);
  enter(turn, { kind: 'stopped' });
  return { kind: 'leave' };
}

/** A start that failed: the first ever of a command ends the watcher, a later one is a crash like any other. */
export function startFailed(turn: Turn, failure: SpawnFailure): void {
  const { policy, state, event } = turn;
  const { kind } = failure;
  if (state.leaving !== null) return enter(turn, { kind: 'stopped' });
  if (!state.everUp && kind !== 'other') {
    const next = finish(turn, startFailureCode(kind));
    return tell(turn, { kind: 'start-failed', failure, next });
  }
  set(turn, {
    lastExit: {
      code: null,
      signal: null,
      at: event.at.wall,
      cause: 'crash',
      uptimeMs: 0,
    },
    shortRuns: state.shortRuns + 1,
    crashes: withinWindow(state.crashes, event.at.mono, policy.flapWindowMs, policy.flapThreshold),
  });
  const next =
    policy.restart === 'never' && !policy.scheduled
      ? finish(turn, kind === 'other' ? 1 : startFailureCode(kind))
      : nextByPolicy(turn, NO_EXIT, { cause: 'crash', why: failure.why, reasons: [] }, true);
  tell(turn, { kind: 'start-failed', failure, next });
  openIncident(turn, {
    at: event.at,
    kind: 'start-failed',
    run: state.run,
    exit: NO_EXIT,
    cause: 'crash',
    reasons: [],
    why: failure.why,
    uptimeMs: 0,
    memory: [],
    next,
  });
}
