import type { Event, Leftover, Phase } from './model.ts';
import { arm, clear, elapsed, enter, order, set, type Turn, tell } from './turn.ts';
import { enterHold, wait } from './waits.ts';

type Started = Extract<Event, { type: 'watcher-started' }>;

/** A watcher takes over what the last one left: ends its run, stays held, waits out its wait, or starts at once. */
export function resume(turn: Turn, event: Started): void {
  const { phase } = turn.state;
  const wasUp = phase.kind === 'starting' || phase.kind === 'running' || phase.kind === 'stopping';
  set(turn, {
    everUp: turn.state.everUp && !event.newCommand,
    clearing: null,
    leaving: null,
    saveTimer: null,
    outputBlockedSince: null,
    logDroppedBytes: 0,
  });
  const left = leftOver(turn, event, phase);
  if (wasUp) lostSightOf(turn, phase);
  if (left !== null) {
    if (wasUp) tell(turn, { kind: 'orphan-found', pid: left.pid });
    clear(turn, left, true, turn.policy.stopTimeoutMs, false);
  }
  if (event.hold !== null || phase.kind === 'held') return stayHeld(turn, event, phase);
  if (phase.kind === 'backoff' || phase.kind === 'cooldown') return waitOn(turn, phase);
  wait(turn, 'backoff', 0);
}

/** The run that may still be there: by the lock's record, which every watcher could write, else by the state. */
function leftOver(turn: Turn, event: Started, phase: Phase): Leftover | null {
  if (!event.sameBoot) return null;
  if (event.leftover !== 'unknown') return event.leftover;
  if (phase.kind === 'starting') return { runId: phase.runId, pid: null, startTicks: null };
  if (phase.kind === 'running' || phase.kind === 'stopping') return phase.live;
  return turn.state.clearing;
}

/** The run that was up when its watcher or the machine died: it counts for nothing, nobody knows how it ended. */
function lostSightOf(turn: Turn, phase: Phase): void {
  if (!('live' in phase) && phase.kind !== 'starting') return;
  const since = phase.kind === 'starting' ? phase.since : phase.live.since;
  const { at } = turn.event;
  set(turn, {
    lastExit: {
      code: null,
      signal: null,
      at: at.wall,
      cause: 'orphan',
      uptimeMs: elapsed(turn, since.mono),
    },
  });
}

/** Held by the file or by the state: either alone is enough, so that losing one lifts nothing. */
function stayHeld(turn: Turn, event: Started, phase: Phase): void {
  const kept = event.hold ?? (phase.kind === 'held' ? phase.hold : null);
  if (kept === null) return;
  if (event.hold === null) order(turn, { type: 'write-hold', hold: kept });
  enterHold(turn, kept);
  tell(turn, { kind: 'held', hold: kept });
}

/** What is left of a wait that a dead watcher began. */
function waitOn(turn: Turn, phase: Extract<Phase, { kind: 'backoff' | 'cooldown' }>): void {
  const leftMs = Math.max(0, phase.waitMs - elapsed(turn, phase.since.mono));
  if (leftMs > 0) tell(turn, { kind: 'waiting', phase: phase.kind, leftMs });
  enter(turn, { ...phase, timer: leftMs > 0 ? arm(turn, leftMs) : null });
}
