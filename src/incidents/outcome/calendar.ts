import { Cron } from 'croner';

/** A time as people write it, before it is put on the calendar of a zone. */
export interface WrittenTime {
  readonly year?: number;
  /** 1 to 12. */
  readonly month?: number;
  readonly day?: number;
  /** 0 (Sunday) to 6. */
  readonly weekday?: number;
  /** Days from today. */
  readonly inDays?: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** A time of day that passed less than this ago is meant, not tomorrow's. */
const JUST_PASSED_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

/** Abbreviations that programs print, by the zone whose calendar they follow; `Intl` knows the rest. */
const abbreviations: Readonly<Record<string, string>> = {
  Z: 'UTC',
  PT: 'America/Los_Angeles',
  PST: 'America/Los_Angeles',
  PDT: 'America/Los_Angeles',
  MT: 'America/Denver',
  MST: 'America/Denver',
  MDT: 'America/Denver',
  CT: 'America/Chicago',
  CST: 'America/Chicago',
  CDT: 'America/Chicago',
  ET: 'America/New_York',
  EST: 'America/New_York',
  EDT: 'America/New_York',
  BST: 'Europe/London',
  WET: 'Europe/Lisbon',
  WEST: 'Europe/Lisbon',
  CET: 'Europe/Paris',
  CEST: 'Europe/Paris',
  EET: 'Europe/Athens',
  EEST: 'Europe/Athens',
  IST: 'Asia/Kolkata',
  JST: 'Asia/Tokyo',
  KST: 'Asia/Seoul',
  SGT: 'Asia/Singapore',
  HKT: 'Asia/Hong_Kong',
  AEST: 'Australia/Sydney',
  AEDT: 'Australia/Sydney',
};

/** The zone that is meant, as the calendar takes it; null if it is unknown. */
export const zoneNamed = (name: string): string | null => {
  const offset = /^(?:UTC|GMT) ?([+-])0?(\d{1,2})(?::?00)?$/i.exec(name);
  // Etc's signs are those of POSIX: hours west of Greenwich are positive.
  const zone =
    offset === null
      ? (abbreviations[name.toUpperCase()] ?? name)
      : `Etc/GMT${offset[1] === '+' ? '-' : '+'}${offset[2]}`;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    // The words in the parentheses were no zone.
    return null;
  }
};

/**
 * When that is, in ms since 1970: the next such time after `now`, or `now` itself if it has just passed. Null where the
 * calendar has no such time.
 */
export const onCalendar = (time: WrittenTime, zone: string, now: number): number | null => {
  const { year, month, day, weekday, inDays } = time;
  const clock = `${time.second} ${time.minute} ${time.hour}`;
  if (year !== undefined) return exactly(time, zone, now);
  if (month !== undefined) return next(`${clock} ${day} ${month} *`, zone, now);
  if (weekday !== undefined) return next(`${clock} * * ${weekday}`, zone, now);
  if (inDays !== undefined)
    return inDays === 0 ? next(`${clock} * * *`, zone, now) : next(`${clock} * * *`, zone, midnight(zone, now, inDays));
  return next(`${clock} * * *`, zone, now);
};

const next = (pattern: string, zone: string, now: number): number | null => {
  try {
    const found = new Cron(pattern, { timezone: zone, paused: true }).nextRun(new Date(now - JUST_PASSED_MS));
    return found === null ? null : Math.max(found.getTime(), now);
  } catch {
    // 31 February, or an hour of 25.
    return null;
  }
};

const exactly = (
  { year = 0, month = 1, day = 1, hour, minute, second }: WrittenTime,
  zone: string,
  now: number,
): number | null => {
  const two = (value: number) => String(value).padStart(2, '0');
  const text = `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
  // Twice through the calendar would move a day that no month has; it is refused here.
  if (Number.isNaN(Date.parse(`${text}Z`))) return null;
  try {
    const found = new Cron(text, { timezone: zone, paused: true }).getOnce();
    return found === null ? null : Math.max(found.getTime(), now);
  } catch {
    return null;
  }
};

/** The last midnight before the day that is `days` from today, less the tolerance of {@link next}. */
const midnight = (zone: string, now: number, days: number): number => {
  const first =
    new Cron('0 0 0 * * *', { timezone: zone, paused: true }).nextRun(new Date(now))?.getTime() ?? now + DAY_MS;
  return first + (days - 1) * DAY_MS + JUST_PASSED_MS - 1;
};
