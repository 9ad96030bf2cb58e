import { endCheck } from './checking.ts';
import type { Event } from './events.ts';
import { EXIT } from './exit-code.ts';
import type { Phase } from './model.ts';
import { kill, stopChild } from './stopping.ts';
import { disarm, elapsed, enter, order, set, type Turn, tell } from './transition.ts';
import { NO_TROUBLES, wait } from './waits.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

/** A second signal counts only this long after the stop began: terminals and service managers send signals in bursts. */
const SECOND_SIGNAL_MS = 1000;

export function stopRequested(turn: Turn, event: Of<'stop-requested'>): void {
  const { phase, leaving } = turn.state;
  if (leaving !== null) {
    const isLater = elapsed(turn, leaving.since.mono) >= SECOND_SIGNAL_MS;
    if (turn.state.stuck !== null && isLater && (event.signal !== null || event.now)) return leaveBehind(turn);
    if (!event.now && !(event.signal === 'SIGINT' && isLater)) return;
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
  } else if (phase.kind === 'checking') endCheck(turn, phase, 'stopped');
  if (phase.kind !== 'running') tell(turn, { kind: 'stopped' });
  if (event.now) kill(turn, 'stop --now was asked for');
}

/** What cannot be ended must not keep us for ever. The next watcher of this name finds it, and starts nothing beside it. */
function leaveBehind(turn: Turn): void {
  tell(turn, { kind: 'left-behind', survivors: turn.state.stuck?.survivors ?? [] });
  order(turn, { type: 'exit-watcher', code: EXIT.usage });
}

export function restartRequested(turn: Turn, _event: Of<'restart-requested'>): void {
  const { phase, leaving } = turn.state;
  if (leaving !== null) return;
  if (phase.kind === 'running') return stopChild(turn, phase.live, 'restarted', 'restart was asked for');
  if (phase.kind === 'checking') return endCheck(turn, phase, 'restarted');
  if (phase.kind === 'backoff' || phase.kind === 'waiting' || phase.kind === 'limited') {
    disarm(turn, phase.timer);
    set(turn, { askedStart: true, resumeNext: false });
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
  set(turn, { askedStart: true });
  wait(turn, 'backoff', 0);
}

/** Why a request cannot be granted in this phase; null if it can. */
export function refusal(phase: Phase, verb: 'restart'): string | null {
  if (phase.kind === 'held') return `it is held (${phase.hold.why}); reset lifts that`;
  if (phase.kind === 'cooldown') return `${verb} is refused during a cooldown; reset ends it and starts at once`;
  return null;
}
