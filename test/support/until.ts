import { setTimeout as pause } from 'node:timers/promises';

const LOOK_EVERY_MS = 15;

/**
 * Waits until the look returns something truthy, and returns that. A look that throws has not seen it yet: the file is not
 * there, the port does not answer. Fails at the deadline with `what`, caused by what the last look threw.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 10_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let cause: unknown;
    try {
      const seen = await look();
      if (seen) return seen as NonNullable<Exclude<T, false>>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for: ${what}`, { cause });
    await pause(LOOK_EVERY_MS);
  }
}
