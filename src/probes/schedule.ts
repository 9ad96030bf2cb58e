import { Cron } from 'croner';
import type { Report, SchedulePort } from '../core/ports.ts';
import type { Wall } from '../core/units.ts';
import { stampNow } from '../host/clock.ts';

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
 * it; where it is set back, what has fixed hours (a number, a list, a range) runs once.
 */
export function parseSchedule(written: string, timezone: string): Schedule | string {
  try {
    const options = { paused: true, ...(timezone === 'local' ? {} : { timezone }) };
    const cron = new Cron(written, options);
    if (cron.nextRun() === null) return 'it never comes';
    const after = (one: Cron) => (at: Wall) => (one.nextRun(new Date(at))?.getTime() ?? null) as Wall | null;
    const single = singleTimes(written);
    // croner has the rule for one fixed hour and minute only, so a list is taken apart. Only where it matters: it may be long.
    let parts: ((at: Wall) => Wall | null)[] | null = null;
    const byParts = (at: Wall) => {
      parts ??= single.map(text => after(new Cron(text, options)));
      const times = parts.flatMap(part => part(at) ?? []);
      return times.length === 0 ? null : (Math.min(...times) as Wall);
    };
    const whole = after(cron);
    const changes = clockChanges(timezone);
    return {
      written,
      nextAfter(at) {
        const next = whole(at);
        return single.length > 1 && changes(at, next ?? at) ? byParts(at) : next;
      },
    };
  } catch (error) {
    const said = (error instanceof Error ? error.message : String(error))
      .replace(/^(?:CronPattern|Cron): /, '')
      .split('\n')[0]!;
    return `it is not a cron expression: ${said}; write one such as "0 3 * * *" (minute hour day month weekday)`;
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

const DAY_MS = 86_400_000;

/** Whether the clock is set forward or back between two moments, or within a day of them. */
function clockChanges(timezone: string): (from: Wall, to: Wall) => boolean {
  const offset = offsetIn(timezone);
  return (from, to) => {
    // Looked at day by day: two changes may cancel out.
    const end = Math.min(to, from + 400 * DAY_MS) + DAY_MS;
    const first = offset(from - DAY_MS);
    for (let at = from; at <= end; at = (at + DAY_MS) as Wall) if (offset(at) !== first) return true;
    return offset(end) !== first;
  };
}

function offsetIn(timezone: string): (at: number) => string | number {
  if (timezone === 'local') return at => new Date(at).getTimezoneOffset();
  const format = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset', year: 'numeric' });
  return at => format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

/** The expression as one for each of its times of day, if its hours are fixed; else none. */
function singleTimes(written: string): string[] {
  const fields = written.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) return [];
  const at = fields.length - 5;
  const hours = /^[\d,/-]+$/.test(fields[at + 1]!) ? valuesOf(fields[at + 1]!, 23) : [];
  const minutes = valuesOf(fields[at]!, 59);
  return hours.flatMap(hour =>
    minutes.map(minute => [...fields.slice(0, at), minute, hour, ...fields.slice(at + 2)].join(' ')),
  );
}

/** The numbers of a field; none if it is written in a way of its own. */
function valuesOf(field: string, last: number): number[] {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (match === null) return [];
    const [, from, to, step] = match;
    const begin = Number(from ?? 0);
    const end = Number(to ?? (from === undefined || step !== undefined ? last : begin));
    if (end > last || Number(step ?? 1) < 1) return [];
    for (let value = begin; value <= end; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** Answers the machine's questions about the schedule. */
export function createScheduling(schedule: Schedule, report: Report): SchedulePort {
  return {
    plan(due, lastDue, since) {
      const { wall } = stampNow();
      const next = due === null ? nextDue(schedule, lastDue, wall) : revisedDue(schedule, due, lastDue, wall);
      const skipped = since === undefined ? 0 : occurrencesIn(schedule, since, wall);
      report({ type: 'run-planned', due: next, waitMs: next === null ? 0 : waitMs(next, wall), skipped });
    },
  };
}
