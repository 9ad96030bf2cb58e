import { setTimeout as pause } from 'node:timers/promises';

const LOOK_EVERY_MS = 15;

/** Waits until the look returns something truthy, and returns that; fails with `what` at the deadline. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 10_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen as NonNullable<Exclude<T, false>>;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}
