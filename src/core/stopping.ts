import { healthyByNow } from './health.ts';
import type { Reason } from './health-model.ts';
import type { Live, StopCause } from './model.ts';
import { arm, disarm, enter, order, type Turn, tell } from './turn.ts';

/** After a SIGKILL that has not ended the child yet, it is sent again this often: the tree may have forked meanwhile. */
const KILL_AGAIN_MS = 1000;

/** Asks the whole tree to end; the grace timer kills what does not. */
export function stopChild(turn: Turn, up: Live, cause: StopCause, why: string, reasons: readonly Reason[] = []): void {
  const live = healthyByNow(turn, up);
  const { policy, state, event } = turn;
  disarm(turn, live.healthyTimer);
  disarm(turn, live.runtimeTimer);
  disarm(turn, live.tickTimer);
  const signal = cause === 'stopped' ? (state.leaving?.signal ?? policy.stopSignal) : policy.stopSignal;
  const graceTimer = arm(turn, policy.stopTimeoutMs);
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
  });
  order(turn, { type: 'signal-tree', runId: live.runId, signal });
  tell(turn, {
    kind: 'stopping',
    cause,
    why,
    signal,
    graceMs: policy.stopTimeoutMs,
  });
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
