import type { MemoryPoint } from './health-model.ts';

/** At most this many points are kept of a run. */
const MEMORY_POINTS = 60;

/**
 * Adds a point. When the list is full every second one goes, so that it always spans the whole run, the last points at
 * their own density.
 */
export function withPoint(history: readonly MemoryPoint[], point: MemoryPoint): readonly MemoryPoint[] {
  if (history.length < MEMORY_POINTS) return [...history, point];
  return [...history.filter((_, index) => index % 2 === 0), point];
}
