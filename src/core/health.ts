import { durationText } from './duration-text.ts';
import { recoveryProof } from './health-rows.ts';
import type { Live } from './model.ts';
import { disarm, elapsed, enter, order, set, type Turn, tell } from './turn.ts';

/** Long enough up: the next wait is the first again. Returns the run as it is from now on. */
export function becameHealthy(turn: Turn, live: Live): Live {
  const resets = turn.state.backoffStep > 0 || turn.state.restartsInRow > 0;
  const healthy: Live = { ...live, healthy: true, healthyTimer: null };
  enter(turn, { kind: 'running', live: healthy });
  set(turn, { backoffStep: 0, restartsInRow: 0, shortRuns: 0 });
  const uptimeMs = elapsed(turn, live.since.mono);
  tell(turn, { kind: 'healthy', uptimeMs, resets });
  recovered(turn, live, uptimeMs);
  return healthy;
}

/**
 * The run as it must be judged when it ends: on a busy machine the timer may fire after the news of the end, and a long
 * life is one all the same.
 */
export function healthyByNow(turn: Turn, live: Live): Live {
  if (live.healthyTimer === null || !live.health.green || elapsed(turn, live.since.mono) < turn.policy.healthyAfterMs)
    return live;
  disarm(turn, live.healthyTimer);
  return becameHealthy(turn, live);
}

/** The last incident is over: with its time and what proves it. */
function recovered(turn: Turn, live: Live, uptimeMs: number): void {
  const { incident } = turn.state;
  if (incident === null || !incident.open) return;
  const proof = recoveryProof(turn.policy.health, live.health, durationText(uptimeMs));
  order(turn, { type: 'close-incident', at: turn.event.at.wall, proof });
  set(turn, { incident: { ...incident, open: false } });
}
