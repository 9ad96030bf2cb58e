import type { Event } from './events.ts';
import type { Reason } from './health-model.ts';
import { healthyByNow } from './health-step.ts';
import type { Live, Phase, StopCause } from './model.ts';
import { arm, disarm, elapsed, enter, order, set, type Turn, tell } from './transition.ts';
import { NO_TROUBLES, wait } from './waits.ts';

/** After a SIGKILL that has not ended the child yet, it is sent again this often: the tree may have forked meanwhile. */
const KILL_AGAIN_MS = 1000;

/** So long a child may take to print its stacks after the dump signal. */
const DUMP_MS = 2000;

/** Asks the whole tree to end; the grace timer kills what does not. */
export function stopChild(turn: Turn, up: Live, cause: StopCause, why: string, reasons: readonly Reason[] = []): void {
  const live = healthyByNow(turn, up);
  const { policy, state, event } = turn;
  disarm(turn, live.healthyTimer);
  disarm(turn, live.runtimeTimer);
  disarm(turn, live.tickTimer);
  const signal = cause === 'stopped' ? (state.leaving?.signal ?? policy.stopSignal) : policy.stopSignal;
  const { dumpSignal } = policy;
  const dumps = cause === 'probe' && dumpSignal !== null;
  const graceTimer = arm(turn, dumps ? DUMP_MS : policy.stopTimeoutMs);
  const quiet: Live = { ...live, healthyTimer: null, runtimeTimer: null, tickTimer: null };
  enter(turn, {
    kind: 'stopping',
    live: quiet,
    cause,
    why,
    reasons,
    since: event.at,
    graceTimer,
    killed: false,
    ...(dumps ? { dumping: true } : {}),
  });
  if (cause === 'probe') order(turn, { type: 'examine-run' });
  if (dumps) order(turn, { type: 'signal-child', runId: live.runId, signal: dumpSignal });
  else order(turn, { type: 'signal-tree', runId: live.runId, signal });
  tell(turn, {
    kind: 'stopping',
    cause,
    why,
    signal,
    graceMs: policy.stopTimeoutMs,
  });
}

/** The child had its time to print its stacks: now it is asked to end. */
export function endDump(turn: Turn, phase: Extract<Phase, { kind: 'stopping' }>): void {
  const graceTimer = arm(turn, turn.policy.stopTimeoutMs);
  enter(turn, { ...phase, graceTimer, dumping: false });
  order(turn, { type: 'signal-tree', runId: phase.live.runId, signal: turn.policy.stopSignal });
}

/** SIGKILL to whatever of the run is still there. */
export function kill(turn: Turn, why: string): void {
  const { phase, clearing } = turn.state;
  if (clearing !== null)
    order(turn, {
      type: 'signal-tree',
      runId: clearing.runId,
      signal: 'SIGKILL',
    });
  if (phase.kind !== 'stopping') return;
  order(turn, {
    type: 'signal-tree',
    runId: phase.live.runId,
    signal: 'SIGKILL',
  });
  disarm(turn, phase.graceTimer);
  const graceTimer = arm(turn, KILL_AGAIN_MS);
  if (!phase.killed) tell(turn, { kind: 'killing', why });
  enter(turn, { ...phase, graceTimer, killed: true });
}

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

/** A second Ctrl-C counts only this long after the stop began: terminals and service managers send signals in bursts. */
const SECOND_INTERRUPT_MS = 1000;

export function stopRequested(turn: Turn, event: Of<'stop-requested'>): void {
  const { phase, leaving } = turn.state;
  if (leaving !== null) {
    const again = event.signal === 'SIGINT' && elapsed(turn, leaving.since.mono) >= SECOND_INTERRUPT_MS;
    if (!event.now && !again) return;
    if (!leaving.now) set(turn, { leaving: { ...leaving, now: true } });
    return kill(turn, event.now ? 'stop --now was asked for' : 'a second interrupt came');
  }
  const signal = event.signal === 'SIGINT' && !turn.policy.stopSignalGiven ? 'SIGINT' : turn.policy.stopSignal;
  const byPerson = event.by === 'command' || event.signal === 'SIGINT';
  set(turn, { leaving: { code: 0, since: event.at, signal, now: event.now, byPerson } });
  if (byPerson) set(turn, NO_TROUBLES);
  if (phase.kind === 'running') {
    stopChild(
      turn,
      phase.live,
      'stopped',
      event.signal === null ? 'stop was asked for' : `${event.signal} was received`,
    );
  } else if (phase.kind === 'backoff' || phase.kind === 'cooldown' || phase.kind === 'waiting') {
    disarm(turn, phase.timer);
    enter(turn, { kind: 'stopped' });
  } else if (phase.kind === 'limited') {
    disarm(turn, phase.timer);
    // systemd or a reboot ends the watcher, not the limit: the next watcher waits on.
    enter(turn, byPerson ? { kind: 'stopped' } : { ...phase, timer: null });
  } else if (phase.kind === 'starting' && phase.checking) {
    enter(turn, { kind: 'stopped' });
  }
  if (phase.kind !== 'running') tell(turn, { kind: 'stopped' });
  if (event.now) kill(turn, 'stop --now was asked for');
}

export function restartRequested(turn: Turn, _event: Of<'restart-requested'>): void {
  const { phase, leaving } = turn.state;
  if (leaving !== null) return;
  if (phase.kind === 'running') return stopChild(turn, phase.live, 'restarted', 'restart was asked for');
  if (phase.kind === 'backoff' || phase.kind === 'waiting' || phase.kind === 'limited') {
    disarm(turn, phase.timer);
    return wait(turn, 'backoff', 0);
  }
  if (phase.kind === 'cooldown' || phase.kind === 'held')
    tell(turn, { kind: 'refused', what: 'restart', phase: phase.kind });
}

export function resetRequested(turn: Turn, _event: Of<'reset-requested'>): void {
  const { phase, leaving } = turn.state;
  set(turn, { ...NO_TROUBLES, toldFloor: false });
  tell(turn, { kind: 'reset' });
  if (phase.kind === 'held') {
    order(turn, { type: 'lift-hold' });
    tell(turn, { kind: 'hold-lifted', hold: phase.hold });
    if (leaving !== null) return enter(turn, { kind: 'stopped' });
  } else if (phase.kind === 'backoff' || phase.kind === 'cooldown' || phase.kind === 'limited') {
    disarm(turn, phase.timer);
  } else return;
  wait(turn, 'backoff', 0);
}

/** Why a request cannot be granted in this phase, for whoever asked; null if it can. */
export function refusal(phase: Phase, verb: 'restart'): string | null {
  if (phase.kind === 'held') return `it is held (${phase.hold.why}); reset lifts that`;
  if (phase.kind === 'cooldown') return `${verb} is refused during a cooldown; reset ends it and starts at once`;
  return null;
}
