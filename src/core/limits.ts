import type { Wall } from './time.ts';

/** A limit that a run ended with, as its output states it. */
export interface Limit {
  /** `quota`: an allowance is used up; `throttle`: too many requests at the moment. */
  kind: 'quota' | 'throttle';
  /** When it ends, as far as the output names a time. */
  until: Wall | null;
  /** An agent CLI's own words or JSON, whose times may be days ahead. */
  own: boolean;
}

/**
 * What a limit calls for: `soon`, an ordinary restart that waits for `until` at least; `until`, a wait for the named time;
 * `probe`, a try from time to time because its end is unknown.
 */
export type LimitStep = { kind: 'soon'; until: Wall | null } | { kind: 'until'; until: Wall } | { kind: 'probe' };

/** A named time less ahead than this is the pause of a throttle. */
export const SOON_MS = 10 * 60_000;
/** A time in general wording (`retry-after`, a bare 429) is believed so far ahead at most. */
const GENERAL_BELIEF_MS = 3_600_000;

/** What to do about a limit. @param maxWaitMs a time further ahead is not believed */
export function stepAfterLimit({ kind, until, own }: Limit, now: Wall, maxWaitMs: number): LimitStep {
  if (until === null) return kind === 'quota' ? { kind: 'probe' } : { kind: 'soon', until };
  const aheadMs = until - now;
  if (aheadMs < SOON_MS) return { kind: 'soon', until };
  return aheadMs > (own ? maxWaitMs : Math.min(maxWaitMs, GENERAL_BELIEF_MS))
    ? { kind: 'probe' }
    : { kind: 'until', until };
}

/** The next start comes at least this long after a named time, since clocks differ. */
const MARGIN_MS = 60_000;
/** And so much more at most, drawn at random: not everybody at the same second. */
const SPREAD_MS = 60_000;
/** The tries of a limit whose end is unknown. */
const PROBE_WAITS_MS = [15 * 60_000, 30 * 60_000, 60 * 60_000] as const;
/** After this many limits in a row the times that are named are not believed any more. */
const BELIEVED_IN_ROW = 3;

/** How long a limit is waited out, and until when it is said to last. */
export interface LimitPlan {
  waitMs: number;
  until: Wall | null;
}

/**
 * The wait after a limit that is no mere pause. @param inRow limited waits before it without a healthy run
 * @param roll in [0, 1)
 */
export function planLimit(
  step: Exclude<LimitStep, { kind: 'soon' }>,
  now: Wall,
  inRow: number,
  roll: number,
): LimitPlan {
  const [first, second, last] = PROBE_WAITS_MS;
  if (step.kind === 'probe') return { waitMs: [first, second][inRow] ?? last, until: null };
  if (inRow >= BELIEVED_IN_ROW) return { waitMs: inRow === BELIEVED_IN_ROW ? second : last, until: null };
  return { waitMs: step.until - now + MARGIN_MS + Math.floor(roll * SPREAD_MS), until: step.until };
}
