/** Readers of durations, sizes, rates and plain numbers. Each throws a UsageError that says what to write instead. */
import { nearest, quoted, UsageError } from '../usage-error.ts';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type TimeUnit = keyof typeof unitMs;

/** What people write for a unit, and the unit it stands for. */
const unitWords: Record<string, TimeUnit> = {
  ms: 'ms',
  millis: 'ms',
  milliseconds: 'ms',
  s: 's',
  sec: 's',
  secs: 's',
  seconds: 's',
  m: 'm',
  min: 'm',
  mins: 'm',
  minutes: 'm',
  h: 'h',
  hr: 'h',
  hrs: 'h',
  hours: 'h',
  d: 'd',
  days: 'd',
};

const longestMs = 3650 * unitMs.d;

/** Milliseconds of `500ms`, `30s`, `1.5h`, `1h30m`. */
export function readDuration(text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) throw new UsageError(durationAdvice(text));
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|[smhd])/g))
    total += Number(amount) * unitMs[unit as TimeUnit];
  if (total > longestMs) throw new UsageError(`${quoted(text)} is too long; the longest is 3650d`);
  return Math.round(total);
}

function durationAdvice(text: string): string {
  if (/^\d+(?:\.\d+)?$/.test(text)) return `${quoted(text)} has no unit; write ${text}s, ${text}m or ${text}ms`;
  const guess = /^\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*$/i.exec(text);
  if (guess !== null) {
    const unit = unitWords[nearest(guess[2]!, Object.keys(unitWords))];
    return `invalid duration ${quoted(text)}; the nearest is ${guess[1]}${unit} (units: ms, s, m, h, d)`;
  }
  return `invalid duration ${quoted(text)}; write one such as 500ms, 30s, 20m, 8h or 2d`;
}

const sizePowers = { B: 0, K: 1, M: 2, G: 3, T: 4 } as const;

/** Bytes of `64K`, `10M`, `1.5G`, `300MB`, `300MiB`: powers of 1024 in each spelling. */
export function readSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:(B)|([KMGT])(?:i?B)?)$/i.exec(text);
  if (match === null) throw new UsageError(sizeAdvice(text));
  const power = sizePowers[(match[2] ?? match[3]!).toUpperCase() as keyof typeof sizePowers];
  const bytes = Math.round(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${quoted(text)} is too large`);
  return bytes;
}

function sizeAdvice(text: string): string {
  if (/^\d+(?:\.\d+)?$/.test(text)) return `${quoted(text)} has no unit; write ${text}M, ${text}K or ${text}G`;
  const guess = /^\s*(\d+(?:\.\d+)?)\s*([kmgtb])[a-z]*\s*$/i.exec(text);
  if (guess !== null) return `invalid size ${quoted(text)}; the nearest is ${guess[1]}${guess[2]!.toUpperCase()}`;
  return `invalid size ${quoted(text)}; write one such as 64K, 10M or 2G`;
}

/** A whole number from 0 to a thousand million, in decimal digits only. */
export function readInteger(text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 1e9))
    throw new UsageError(`invalid whole number ${quoted(text)}; write one such as ${integerGuess(text)}`);
  return value;
}

function integerGuess(text: string): string {
  const value = Math.abs(Math.round(Number(text.trim())));
  return value <= 1e9 && text.trim() !== '' ? String(value) : '5';
}

/** A number that is not negative, decimals allowed. */
export function readNumber(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new UsageError(`invalid number ${quoted(text)}; write one such as 2 or 1.5`);
  return Number(text);
}

/** A share from 0 to 1. */
export function readShare(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (percent !== null) throw new UsageError(`invalid share ${quoted(text)}; write ${Number(percent[1]) / 100}`);
  const value = /^(?:\d+(?:\.\d+)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 1)) throw new UsageError(`invalid share ${quoted(text)}; write a number from 0 to 1, such as 0.1`);
  return value;
}

/** A count and the time in which it holds. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** `50/1h`: a count and the time it holds for. */
export function readRate(text: string): Rate {
  const slash = text.indexOf('/');
  const count = text.slice(0, slash);
  if (slash < 0 || !/^\d{1,9}$/.test(count))
    throw new UsageError(`invalid rate ${quoted(text)}; write a count and a time, such as 50/1h`);
  const windowMs = readDuration(text.slice(slash + 1));
  if (windowMs === 0) throw new UsageError(`${quoted(text)} has no time to count in; write one such as ${count}/1h`);
  return { count: Number(count), windowMs };
}

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
