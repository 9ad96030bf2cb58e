import { setTimeout as pause } from 'node:timers/promises';

/** Much longer than anything takes: what is not there after this never comes, however busy the machine is. */
const DEADLINE_MS = 180_000;
const LOOK_EVERY_MS = 15;
/** Looks that go on for long are rarer, and the more they cost: many start a program, and what is waited for needs the processor too. */
const LOOK_AT_LEAST_EVERY_MS = 100;
const PAUSE_PER_LOOK = 2;

/**
 * Waits until the look returns something truthy, and returns that. A look that throws has not seen it yet: the file is not
 * there, the port does not answer. Fails at the deadline with `what`, caused by what the last look threw.
 */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>> {
  const began = performance.now();
  for (;;) {
    let cause: unknown;
    const lookedAt = performance.now();
    try {
      const seen = await look();
      if (seen) return seen as NonNullable<Exclude<T, false>>;
    } catch (error) {
      cause = error;
    }
    const now = performance.now();
    const waitedMs = now - began;
    if (waitedMs > DEADLINE_MS) throw new Error(`waited ${DEADLINE_MS} ms in vain for: ${what}`, { cause });
    const rarer = Math.min(LOOK_AT_LEAST_EVERY_MS, Math.max(LOOK_EVERY_MS, waitedMs / 20));
    await pause(Math.max(rarer, PAUSE_PER_LOOK * (now - lookedAt)));
  }
}
