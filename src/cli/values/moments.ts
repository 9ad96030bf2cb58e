import { quoted, UsageError } from '../usage-error.ts';
import { readDuration } from './amounts.ts';

/** A moment as it was written: a duration ago, or a time of day. */
export type Moment = { readonly agoMs: number } | { readonly at: number };

/**
 * `30m`, `2h30m` (ago); `10:30`, `10:30:05` (today, or yesterday if that is still to come); `2026-11-29`, `2026-11-29 10:30`; `today`,
 * `yesterday`; RFC 3339. Local time where no zone is written.
 */
export function readMoment(text: string): Moment {
  const word = text.trim().toLowerCase();
  if (word === 'now') return { agoMs: 0 };
  if (word === 'today') return { at: midnight(0) };
  if (word === 'yesterday') return { at: midnight(-1) };
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(word);
  if (clock !== null) return timeOfDay(text, Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0));
  if (/^\d{4}-\d\d-\d\d/.test(word)) return atDate(text);
  if (!/^\d/.test(word)) throw new UsageError(advice(text));
  return { agoMs: readDuration(text) };
}

const advice = (text: string) =>
  `invalid time ${quoted(text)}; write one such as 30m, 10:30, yesterday, 2026-11-29 or "2026-11-29 10:30"`;

function midnight(days: number): number {
  const date = new Date();
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

function timeOfDay(text: string, hours: number, minutes: number, seconds: number): Moment {
  if (hours > 23 || minutes > 59 || seconds > 59) throw new UsageError(advice(text));
  const date = new Date();
  date.setHours(hours, minutes, seconds, 0);
  if (date.getTime() > Date.now()) date.setDate(date.getDate() - 1);
  return { at: date.getTime() };
}

/** A date alone is its local midnight, though ECMAScript would take it for UTC's. */
function atDate(text: string): Moment {
  const whole = /^\d{4}-\d\d-\d\d$/.test(text.trim()) ? `${text.trim()}T00:00` : text.trim().replace(' ', 'T');
  const at = Date.parse(whole);
  if (Number.isNaN(at)) throw new UsageError(advice(text));
  return { at };
}

/** The wall time in ms; null if none was given. */
export function wallOf(moment: Moment | null, nowMs: number): number | null {
  if (moment === null) return null;
  return 'at' in moment ? moment.at : nowMs - moment.agoMs;
}
