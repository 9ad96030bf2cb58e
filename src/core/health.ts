import type { Live } from './model.ts';
import { disarm, elapsed, enter, set, type Turn, tell } from './turn.ts';

/** Long enough up: the next wait is the first again. Returns the run as it is from now on. */
export function becameHealthy(turn: Turn, live: Live): Live {
  const resets = turn.state.backoffStep > 0 || turn.state.restartsInRow > 0;
  const healthy: Live = { ...live, healthy: true, healthyTimer: null };
  enter(turn, { kind: 'running', live: healthy });
  set(turn, { backoffStep: 0, restartsInRow: 0, shortRuns: 0 });
  tell(turn, { kind: 'healthy', uptimeMs: elapsed(turn, live.since.mono), resets });
  return healthy;
}

/**
 * The run as it must be judged when it ends: on a busy machine the timer may fire after the news of the end, and a long
 * life is one all the same.
 */
export function healthyByNow(turn: Turn, live: Live): Live {
  if (live.healthyTimer === null || elapsed(turn, live.since.mono) < turn.policy.healthyAfterMs) return live;
  disarm(turn, live.healthyTimer);
  return becameHealthy(turn, live);
}
