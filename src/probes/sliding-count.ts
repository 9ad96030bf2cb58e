import type { Mono } from '../core/time.ts';

/** Counts what happened within a window that slides with time. */
export interface SlidingCount {
  add(at: Mono, count: number): void;
  /** How many in the window that ends now. */
  count(now: Mono): number;
}

/** The window is kept in so many parts, whatever the rate: an event leaves it up to one part late. */
const PARTS = 240;

/** The memory it takes does not depend on how much is counted. */
export function createSlidingCount(windowMs: number): SlidingCount {
  const partMs = Math.max(1, windowMs / PARTS);
  let parts: { at: number; count: number }[] = [];
  const forget = (now: number) => {
    const gone = parts.findIndex(part => now - part.at < windowMs);
    if (gone === -1) parts = [];
    else if (gone > 0) parts = parts.slice(gone);
  };
  return {
    add(at, count) {
      forget(at);
      const last = parts.at(-1);
      if (last !== undefined && at - last.at < partMs) last.count += count;
      else parts.push({ at, count });
    },
    count(now) {
      forget(now);
      return parts.reduce((sum, part) => sum + part.count, 0);
    },
  };
}
