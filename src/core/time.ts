/** Milliseconds of a clock that never jumps and stops while the machine sleeps. Only differences mean anything. */
export type Mono = number & { readonly unit: 'monotonic ms' };

/** Milliseconds since 1970, for people and files. It may jump; nothing is decided by it within one boot. */
export type Wall = number & { readonly unit: 'wall ms' };

/** One moment on both clocks. */
export interface Stamp {
  mono: Mono;
  wall: Wall;
}

/** The longest delay that a timer of the event loop takes, 24.8 days: Node fires a longer one at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A delay as a timer takes it. */
export function timerMs(delayMs: number): number {
  return Math.min(delayMs, LONGEST_TIMER_MS);
}
