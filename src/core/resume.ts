import type { Event, Leftover } from './events.ts';
import type { Clearing, EndedRun, ExitCause, Hold, LastExit, Phase, RunId, State } from './model.ts';
import { arm, clear, elapsed, enter, openIncident, order, set, type Turn, tell } from './transition.ts';
import type { Stamp } from './units.ts';
import { enterHold, limitedLeftMs, NO_TROUBLES, planRun, wait, waitLimited } from './waits.ts';

/** What a stop makes of a name that no watcher has in hand. */
export interface UnsupervisedStop {
  /** The run that may still be there; null: none. */
  left: Leftover | null;
  /** A hold that its watcher had no time to write. */
  hold: Hold | null;
  /** The state, once nothing is left. */
  state: State;
}

/** Whether anything may be left of a name's last run, and what its state is once that has ended. A hold stays. */
export function stopUnsupervised(
  state: State,
  found: Pick<Started, 'leftover' | 'sameBoot'>,
  at: Stamp,
): UnsupervisedStop {
  const { phase, clearing } = state;
  const left = leftOver(found, phase, clearing);
  const wasUp = left !== null && (isUp(phase) || left.runId !== knownRun(phase, clearing));
  const hold = phase.kind === 'held' ? null : heldBefore(phase);
  const lastExit = wasUp
    ? ({ code: null, signal: null, at: at.wall, cause: 'orphan', uptimeMs: 0 } as const)
    : phase.kind === 'checking'
      ? exitOf(phase.ended, 'stopped')
      : state.lastExit;
  const kept = phase.kind === 'held' || phase.kind === 'finished' || phase.kind === 'stopped';
  const next: Phase = kept ? phase : hold === null ? { kind: 'stopped' } : { kind: 'held', hold };
  // A person ended the story: the next start begins at once, with the first backoff.
  const leaving = { code: 0, since: at, signal: 'SIGTERM', now: false, byPerson: true } as const;
  const fresh = { ...NO_TROUBLES, clearing: null, stuck: null, leaving };
  return { left, hold, state: { ...state, ...fresh, lastExit, phase: next } };
}

const exitOf = ({ exit, at, uptimeMs }: EndedRun, cause: ExitCause): LastExit => ({
  ...exit,
  at: at.wall,
  cause,
  uptimeMs,
});

const isUp = (phase: Phase): boolean =>
  (phase.kind === 'starting' && !phase.checking) || phase.kind === 'running' || phase.kind === 'stopping';

type Started = Extract<Event, { type: 'watcher-started' }>;

/** A watcher takes over what the last one left: ends its run, stays held, waits out its wait, or starts at once. */
export function resume(turn: Turn, event: Started): void {
  const { phase, clearing } = turn.state;
  const wasUp = isUp(phase);
  set(turn, {
    everUp: turn.state.everUp && !event.newCommand,
    askedStart: phase.kind === 'stopped' || phase.kind === 'finished',
    resumeNext: turn.state.resumeNext && !event.newCommand,
    clearing: null,
    stuck: null,
    leaving: null,
    saveTimer: null,
    outputBlockedSince: null,
    logDroppedBytes: 0,
  });
  const left = leftOver(event, phase, clearing);
  const unknown = left !== null && left.runId !== knownRun(phase, clearing);
  // A start that no state tells of: it could not be saved, or the state is lost.
  if (unknown) set(turn, { run: turn.state.run + 1 });
  if (wasUp || unknown) lostSightOf(turn, phase, event.newCommand);
  if (left !== null) {
    if (wasUp || unknown) orphanFound(turn, left, phase);
    const { stopSignal: signal, stopTimeoutMs: graceMs } = turn.policy;
    clear(turn, left, { signal, graceMs, drain: false });
  }
  const kept = event.hold ?? heldBefore(phase);
  if (phase.kind === 'checking' && !unknown) {
    // What one command wrote is not checked by what was given for another.
    if (kept === null && turn.policy.checksRuns && !event.newCommand) return enter(turn, { ...phase, asked: false });
    set(turn, { lastExit: exitOf(phase.ended, 'success') });
  }
  if (kept !== null) return stayHeld(turn, event, kept);
  if (phase.kind === 'backoff' || phase.kind === 'cooldown') return waitOn(turn, phase);
  if (phase.kind === 'limited') {
    const leftMs = limitedLeftMs(turn, phase);
    if (leftMs > 0) tell(turn, { kind: 'waiting', phase: 'limited', leftMs });
    return waitLimited(turn, phase);
  }
  if (turn.policy.scheduled) return planRun(turn, phase.kind === 'waiting' ? phase.due : null);
  wait(turn, 'backoff', 0);
}

/**
 * The run that may still be there: by the lock's record, which is of the latest run, else by the state. A record that
 * knows of none does not clear the state's: a look for what is not there costs a moment, a second copy may cost all.
 */
function leftOver(
  event: Pick<Started, 'leftover' | 'sameBoot'>,
  phase: Phase,
  clearing: Clearing | null,
): Leftover | null {
  // The record's boot was looked at by its reader, and may be newer than a state that could not be saved.
  if (event.leftover !== null && event.leftover !== 'unknown') return event.leftover;
  if (!event.sameBoot) return null;
  if (phase.kind === 'starting') return { runId: phase.runId, pid: null, startTicks: null };
  if (phase.kind === 'checking') return clearing ?? { runId: phase.ended.runId, pid: null, startTicks: null };
  if (phase.kind !== 'running' && phase.kind !== 'stopping') return clearing;
  const { runId, pid, startTicks } = phase.live;
  return { runId, pid, startTicks };
}

/** The run that the state knows to be the last, as far as any of it may be left. */
function knownRun(phase: Phase, clearing: Clearing | null): RunId | null {
  if (phase.kind === 'starting') return phase.runId;
  if (phase.kind === 'checking') return phase.ended.runId;
  return 'live' in phase ? phase.live.runId : (clearing?.runId ?? null);
}

/** The hold that the state knows of. A child that was being stopped for good has not earned another start by its watcher's death. */
function heldBefore(phase: Phase): Hold | null {
  if (phase.kind === 'held') return phase.hold;
  if (phase.kind !== 'stopping' || phase.cause !== 'kill-condition') return null;
  return { cause: 'kill-condition', why: phase.why, at: phase.since.wall };
}

/** The run that was up when its watcher or the machine died: it counts for nothing, nobody knows how it ended. */
function lostSightOf(turn: Turn, phase: Phase, newCommand: boolean): void {
  const { at } = turn.event;
  const since = phase.kind === 'starting' ? phase.since : 'live' in phase ? phase.live.since : at;
  set(turn, {
    lastExit: {
      code: null,
      signal: null,
      at: at.wall,
      cause: 'orphan',
      uptimeMs: elapsed(turn, since.mono),
    },
    resumeNext: !newCommand,
  });
}

/** Its processes may live on, and nobody looked after them. */
function orphanFound(turn: Turn, left: Leftover, phase: Phase): void {
  tell(turn, { kind: 'orphan-found', pid: left.pid });
  const { at } = turn.event;
  const live = 'live' in phase ? phase.live : null;
  openIncident(turn, {
    at,
    kind: 'orphan',
    run: turn.state.run,
    exit: { code: null, signal: null },
    cause: 'orphan',
    reasons: [],
    why: 'its watcher died without stopping it',
    uptimeMs: live === null ? 0 : elapsed(turn, live.since.mono),
    memory: live?.health.memory ?? [],
    next: { kind: 'restart', number: turn.state.run, inMs: 0 },
  });
}

/** Held by the file or by the state: either alone is enough, so that losing one lifts nothing. */
function stayHeld(turn: Turn, event: Started, kept: Hold): void {
  if (event.hold === null) order(turn, { type: 'write-hold', hold: kept });
  enterHold(turn, kept);
  tell(turn, { kind: 'held', hold: kept });
}

/** What is left of a wait that a dead watcher began. */
function waitOn(turn: Turn, phase: Extract<Phase, { kind: 'backoff' | 'cooldown' }>): void {
  // Whole ms, upwards: timers of the platform cut fractions, and a wait must not end early.
  const leftMs = Math.max(0, Math.ceil(phase.waitMs - elapsed(turn, phase.since.mono)));
  if (leftMs > 0) tell(turn, { kind: 'waiting', phase: phase.kind, leftMs });
  enter(turn, { ...phase, timer: leftMs > 0 ? arm(turn, leftMs) : null });
}
