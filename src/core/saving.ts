import type { Event } from './model.ts';
import { arm, disarm, type Turn, tell } from './turn.ts';

/** A failed save is tried again after so long. */
const SAVE_RETRY_MS = 5000;

/**
 * A first failure is said and tried again until a save succeeds, which is said too. Neither is itself a reason to save.
 */
export function saveFinished(turn: Turn, event: Extract<Event, { type: 'save-finished' }>): void {
  const { saveTimer } = turn.state;
  if (event.ok && saveTimer !== null) {
    disarm(turn, saveTimer);
    turn.state = { ...turn.state, saveTimer: null };
    tell(turn, { kind: 'save-recovered' });
  } else if (!event.ok && saveTimer === null) {
    tell(turn, { kind: 'save-failed', why: event.why ?? 'for no known reason' });
    armRetry(turn);
  }
}

/** Saves again, and is armed until that is known to have succeeded: a failure that goes on is no news. */
export function trySaveAgain(turn: Turn): void {
  armRetry(turn);
  turn.save = true;
}

function armRetry(turn: Turn): void {
  const saveTimer = arm(turn, SAVE_RETRY_MS);
  turn.state = { ...turn.state, saveTimer };
}
