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
 * `probe`, a try from time to time because nobody knows when it ends.
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
