/** What runs have used of a number in a sliding window: for `--budget`. Pure; times are wall clock ms, because a budget outlives reboots. */
import type { Wall } from './time.ts';

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
