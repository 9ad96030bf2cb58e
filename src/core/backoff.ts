import type { Policy } from './model.ts';

/** After so many runs in a row that lived under {@link SHORT_RUN_MS}, no wait is below {@link FLOOR_MS}. */
const FLOOR_AFTER_RUNS = 100;
export const SHORT_RUN_MS = 1000;
export const FLOOR_MS = 20;

/**
 * The wait before the next start, in ms: first `backoffMs`, then times the factor, capped; then the share that the roll
 * adds, so that jitter still spreads a fleet that sits at the cap.
 * @param step how many waits there were since the last reset
 * @param roll in [0, 1)
 */
export function backoffWait(policy: Policy, step: number, shortRuns: number, roll: number): number {
  // Zero stays zero: the factor's power soon is Infinity, and 0 × Infinity is no number.
  const grown = policy.backoffMs === 0 ? 0 : policy.backoffMs * policy.backoffFactor ** step;
  const capped = Math.min(grown, policy.backoffMaxMs);
  const spread = Math.round(capped * (1 + policy.jitter * roll));
  return shortRuns >= FLOOR_AFTER_RUNS ? Math.max(spread, FLOOR_MS) : spread;
}
