import type { Mono, Stamp, Wall } from './model.ts';

/** File systems keep times coarsely (FAT: 2 s), and a server's clock differs a little from ours. */
const TOLERANCE_MS = 2000;

/**
 * When something changed, on the monotonic clock, that was unchanged at `before` and is seen changed now. Its wall time
 * is believed only as far as it fits between the two looks and the wall clock ran evenly between them; a clock that was
 * set, or a machine that slept, must not make a file look old. In doubt it changed just now.
 */
export function changedAt(changed: Wall, before: Stamp, now: Stamp): Mono {
  const betweenMs = now.mono - before.mono;
  const driftMs = Math.abs(now.wall - before.wall - betweenMs);
  const ageMs = now.wall - changed;
  if (driftMs > TOLERANCE_MS || ageMs < 0 || ageMs > betweenMs + TOLERANCE_MS) return now.mono;
  return (now.mono - Math.min(ageMs, betweenMs)) as Mono;
}
