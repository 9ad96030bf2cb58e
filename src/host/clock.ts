import type { Mono, Stamp, Wall } from '../core/time.ts';

/**
 * Both clocks now. The monotonic one is the system's (CLOCK_MONOTONIC on Linux), so within one boot its values compare
 * between processes; it stops while the machine is suspended.
 */
export function stampNow(): Stamp {
  return { mono: monoNow(), wall: Date.now() as Wall };
}

/** The monotonic one alone. The first look at `performance` loads node:perf_hooks, which costs a start two milliseconds. */
export function monoNow(): Mono {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.round(nanoseconds / 1000) / 1000) as Mono;
}
