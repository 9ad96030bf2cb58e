import type { Wall } from './units.ts';

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

// What runs have used of a number in a sliding window: for `--budget`. Pure; times are wall clock ms, because a budget outlives reboots.

/** What was used, by ended runs and by the one that is up. Plain data, bounded, as it lies on disk. */
export interface BudgetLedger {
  /** Oldest first. Those that ended close together are one. */
  used: { since: Wall; at: Wall; amount: number }[];
  /** By the present run, or the last one of a watcher that died. */
  current: number;
  currentAt: Wall;
  /** The last value of a number that a source keeps over runs; null: none was read. */
  lastValue: number | null;
  /** Its value when the present run began. */
  startValue: number;
  /** It was seen to begin anew with a run: then each value is one run's own. */
  startsAnew: boolean;
}

/** Runs that end within this part of the window are counted together. */
const PARTS = 200;

export function newLedger(): BudgetLedger {
  return { used: [], current: 0, currentAt: 0 as Wall, lastValue: null, startValue: 0, startsAnew: false };
}

/** The present run is over, or was found to be. */
export function closeRun(ledger: BudgetLedger, windowMs: number): BudgetLedger {
  const { current, currentAt } = ledger;
  if (current <= 0) return { ...ledger, current: 0 };
  const used = ledger.used.filter(one => currentAt - one.at < windowMs);
  const last = used.at(-1);
  const together = last !== undefined && currentAt - last.since < windowMs / PARTS;
  // At the later time: what was used must not be forgotten early.
  const since = together ? last.since : currentAt;
  const entry = { since, at: currentAt, amount: current + (together ? last.amount : 0) };
  return { ...ledger, used: [...(together ? used.slice(0, -1) : used), entry], current: 0 };
}

/** The present run has used this much so far. */
export function withCurrent(ledger: BudgetLedger, amount: number, at: Wall): BudgetLedger {
  return amount === ledger.current ? ledger : { ...ledger, current: amount, currentAt: at };
}

/**
 * A number that a file, URL or command keeps: it may be one run's, or may go on over runs. At a run's start it is read first, and what
 * it says then is not this run's. One that falls has begun anew; once it did, each new value is one run's own.
 */
export function withValue(ledger: BudgetLedger, value: number, runBegins: boolean, at: Wall): BudgetLedger {
  const last = ledger.lastValue ?? value;
  const startValue = runBegins ? (value < last ? 0 : value) : ledger.startValue;
  const startsAnew = ledger.startsAnew || value < last || value < startValue;
  const untouched = value === startValue && ledger.current === 0;
  const amount = untouched ? 0 : startsAnew ? value : value - startValue;
  return { ...withCurrent(ledger, amount, at), lastValue: value, startValue, startsAnew };
}

/** What of the window that ends now is used. */
export function usedIn({ used, current }: BudgetLedger, windowMs: number, now: Wall): number {
  return used.reduce((sum, { at, amount }) => (now - at < windowMs ? sum + amount : sum), current);
}

/** When so much will have left the window that less than the limit is used; null: it is so now. */
export function freeAt(ledger: BudgetLedger, limit: number, windowMs: number, now: Wall): Wall | null {
  const closed = closeRun({ ...ledger, currentAt: Math.max(ledger.currentAt, now) as Wall }, windowMs);
  let left = usedIn(closed, windowMs, now);
  if (left < limit) return null;
  for (const { at, amount } of closed.used.filter(one => now - one.at < windowMs)) {
    left -= amount;
    if (left < limit) return (at + windowMs) as Wall;
  }
  return (now + windowMs) as Wall;
}
