import type { Event } from './model.ts';
import { arm, enter, order, set, type Turn, tell } from './turn.ts';
import { finish, wait } from './waits.ts';

/** Asks the schedule for the next run, or whether the one that is waited for still stands. */
export function planRun(turn: Turn, due: Extract<Event, { type: 'run-planned' }>['due']): void {
  enter(turn, { kind: 'waiting', due, timer: null });
  order(turn, { type: 'plan-run', due, lastDue: turn.state.lastDue });
}

/** The schedule's answer. It is looked at again and again while it is waited for: clocks are set, and machines sleep. */
export function runPlanned(turn: Turn, { due, waitMs }: Extract<Event, { type: 'run-planned' }>): void {
  const { phase } = turn.state;
  if (phase.kind !== 'waiting' || phase.timer !== null) return;
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
