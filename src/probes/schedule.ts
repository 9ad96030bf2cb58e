import { Cron } from 'croner';
import type { Wall } from '../core/time.ts';

// When a schedule is due. Plugged in: parseSchedule once, before anything starts; `nextDue` when a run has ended, or at the start of a
// watcher that was not waiting; while waiting, arm the timer for `waitMs`, then take `revisedDue`, and run if that is not after now.

/** A schedule in its time zone. */
export interface Schedule {
  readonly written: string;
  /** The first occurrence after that moment; null: never again. */
  nextAfter(at: Wall): Wall | null;
}

/**
 * Reads a cron expression: five fields, six with seconds first, or @daily and the like. `timezone` is an IANA name or `local`.
 * Returns it, or in one line what is wrong with it. Where the clock is set forward, what falls into the gap runs once right after
 * it; where it is set back, what has a fixed hour runs once.
 */
export function parseSchedule(written: string, timezone: string): Schedule | string {
  try {
    const options = { paused: true, ...(timezone === 'local' ? {} : { timezone }) };
    const cron = new Cron(written, options);
    const nextAfter = (at: Wall) => (cron.nextRun(new Date(at))?.getTime() ?? null) as Wall | null;
    return cron.nextRun() === null ? 'it never comes' : { written, nextAfter };
  } catch (error) {
    const said = (error instanceof Error ? error.message : String(error))
      .replace(/^(?:CronPattern|Cron): /, '')
      .split('\n')[0]!;
    return `it is no cron expression: ${said}; write one such as "0 3 * * *" (minute hour day month weekday)`;
  }
}

/** A clock set back further than this was wrong before: what it ran then does not count. */
const CLOCK_STEP_MS = 3_600_000;
/** A sleeping machine stops our timers, and a clock may be set: while waiting we look at it this often. */
const LOOK_EVERY_MS = 60_000;

/**
 * The next occurrence. Those that passed meanwhile, during a run, are left out: runs never overlap. `lastDue` is the occurrence that
 * ran last, null if none did: a clock that is set back a little does not run it again.
 */
export function nextDue(schedule: Schedule, lastDue: Wall | null, now: Wall): Wall | null {
  const ranAhead = lastDue !== null && lastDue > now && lastDue - now <= CLOCK_STEP_MS;
  return schedule.nextAfter(ranAhead ? lastDue : now);
}

/**
 * What is waited for, looked at again. Once passed it stays, so that what was missed while the machine slept, however often, runs once,
 * when it wakes. One that a wrong clock put far into the future comes nearer when that is set right.
 */
export function revisedDue(schedule: Schedule, due: Wall, lastDue: Wall | null, now: Wall): Wall {
  if (due <= now) return due;
  const next = nextDue(schedule, lastDue, now);
  return next === null ? due : (Math.min(due, next) as Wall);
}

/** More are only said to be many. */
const MOST_COUNTED = 1000;

/** How many occurrences lie after one moment and not after another. */
export function occurrencesIn(schedule: Schedule, since: Wall, until: Wall): number {
  let count = 0;
  for (let at = schedule.nextAfter(since); at !== null && at <= until && count < MOST_COUNTED; count++)
    at = schedule.nextAfter(at);
  return count;
}

/** How long to wait until the next look, in ms; 0: it is due. */
export function waitMs(due: Wall, now: Wall): number {
  return Math.max(0, Math.min(due - now, LOOK_EVERY_MS));
}
