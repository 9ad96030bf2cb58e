import type { Mono, Policy } from './model.ts';

/** A run that reached healthy-after and died, this often in {@link SLOW_LOOP_WINDOW_MS}, is a slow crash loop. */
export const SLOW_LOOP_DEATHS = 5;
export const SLOW_LOOP_WINDOW_MS = 6 * 3_600_000;

/** The times still inside the window that ends now, with now added; at most `keep` of them, the latest. */
export function withinWindow(times: readonly Mono[], now: Mono, windowMs: number, keep: number): Mono[] {
  const recent = times.filter(time => now - time < windowMs);
  recent.push(now);
  return recent.slice(-Math.max(keep, 1));
}

/** Whether so many crashes in the window call for a cooldown. */
export function isFlapping(policy: Policy, crashes: readonly Mono[]): boolean {
  return policy.flapThreshold > 0 && crashes.length >= policy.flapThreshold;
}
