import { onCalendar, type WrittenTime, zoneNamed } from './calendar.ts';

/** When somebody reads a text: what clocks without a date and spans are counted from, and the zone of clocks without one. */
export interface Reader {
  /** Wall time in ms. */
  readonly now: number;
  /** IANA name. */
  readonly zone: string;
}

/** When, by the latest of the windows that the text names; fields beat words. Null: it names none. */
export const latestTime = (text: string, reader: Reader): number | null => {
  const fields = fieldTimes(text, reader);
  const found = fields.length > 0 ? fields : wordTimes(text, reader);
  return found.length === 0 ? null : Math.max(...found);
};

const number = '\\d+(?:\\.\\d+)?';
const key =
  'retry[-_ ]?after(?:[-_ ]?(?:ms|milliseconds|seconds|secs|s))?|retry[-_]?delay(?:[-_]?(?:ms|seconds))?|(?:overage)?resets?[-_ ]?(?:at|time|date|timestamp|epoch)|resets?[-_ ]?in(?:[-_]?(?:seconds|ms))?|reset[-_]?after(?:[-_]?(?:seconds|ms))?|(?:x-)?rate-?limit-reset(?:-[a-z]+)*|anthropic-ratelimit-[a-z-]+-reset|quotaReset(?:TimeStamp|Delay)|wait[-_](?:seconds|ms)';
const httpDate = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d{1,2} [A-Z][a-z]{2} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT';
const isoDate = '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?:Z|[+-]\\d{2}:?\\d{2})';
const unitSpan = `(?:${number} ?(?:ms|[dhms])(?![a-z]) ?)+`;
const field = new RegExp(
  `["']?\\b(${key})["']?\\s{0,3}[:=]\\s{0,3}\\[?["']?(?:(${httpDate})|(${isoDate})|(${unitSpan})|(${number}))`,
  'gi',
);
/** Google's Python clients print the message of the protocol. */
const protocolDelay = /retry_delay\s{0,3}\{\s{0,8}seconds:\s{0,3}(\d+)/g;

const fieldTimes = (text: string, { now }: Reader): number[] => {
  const found = [...text.matchAll(field)].map(([, name = '', http, iso, span, bare]) => {
    if (http !== undefined || iso !== undefined) return Date.parse(http ?? iso ?? '');
    if (span !== undefined) return now + (spanMs(span)?.ms ?? 0);
    return fieldValue(name, Number(bare), now);
  });
  const delays = [...text.matchAll(protocolDelay)].map(([, seconds]) => now + Number(seconds) * 1000);
  const epochs = [...text.matchAll(/(?:limit reached\||banned until )(\d{10,13})\b/gi)].map(([, value]) =>
    fieldValue('', Number(value), now),
  );
  return [...found, ...delays, ...epochs].filter(at => !Number.isNaN(at)).map(at => Math.max(at, now));
};

/** A bare number is an epoch in ms or s if it is large enough for one, else a span in the unit of the name. */
const fieldValue = (name: string, value: number, now: number): number => {
  if (value >= 1e12) return value;
  if (value >= 1e9) return value * 1000;
  return now + (/ms$|milliseconds$/i.test(name) ? value : value * 1000);
};

const lead =
  /\b(?:resets?|resetting|refresh(?:es|ed)?|renews?|replenish(?:es)?|try(?:ing)? (?:it )?again|retry(?:ing)?(?: again)?|retries|wait(?:ing)?|available(?: again)?|gain access|regain access|resumes?|resume using|unlocks?|restored?|until|cycle ends|lifted|back|continue|next(?: \w+)?(?= (?:in|at|on)\b))\b/gi;
const filler =
  /^(?:[\s:,·∙•|–—-]|\b(?:at|on|in|after|until|by|for|about|approximately|around|your|the|a|this|that|limit|limits|quota|usage|again|will|next|cycle|monthly|weekly|daily|ends?|begins?|starts?|is|be|model|using|available|access|resume|requests?|and|or|another|when|it|you|can)\b){0,14}/i;

const wordTimes = (text: string, reader: Reader): number[] =>
  [...text.matchAll(lead)].flatMap(found => {
    const rest = text.slice(found.index + found[0].length, found.index + found[0].length + 160);
    const skipped = filler.exec(rest)?.[0].length ?? 0;
    const at = timeAtStart(rest.slice(skipped), reader);
    if (at !== null) return [at];
    // "retry after 35": a bare number behind these words is seconds.
    const bare = /^(?:retry|wait)/i.test(found[0]) ? /^(\d{1,6})(?:[.\s"')\]}]|$)/.exec(rest.slice(skipped)) : null;
    return bare === null ? [] : [reader.now + Number(bare[1]) * 1000];
  });

const clock =
  '(?:(\\d{1,2})(?::(\\d{2}))?(?::(\\d{2}))?\\s?([ap])\\.?m\\b\\.?|(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.\\d+)?)?|(midnight|noon))';
const zone =
  '\\s{0,2}(?:\\(([A-Za-z][\\w+/ :-]{0,40})\\)|((?:UTC|GMT)\\s?[+-]\\d{1,2}(?::?\\d{2})?|UTC|GMT|Z|[ECMP][SD]?T|CES?T|EES?T|BST|JST|KST|IST|SGT|HKT|AE[SD]T)\\b|([+-]\\d{2}:?\\d{2})\\b)?';
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const monthName = `(${months.join('|')})[a-z]*\\.?`;
const dayName = `(?:${weekdays.join('|')})[a-z]*,?\\s+`;
const join = '(?:\\s*(?:,|at|@|·|T)?\\s*(?:at\\s+)?';

const dates: readonly (readonly [RegExp, (groups: readonly string[]) => Partial<WrittenTime> | null])[] = [
  [
    at('(\\d{4})-(\\d{2})-(\\d{2})'),
    ([year, month, day]) => ({ year: Number(year), month: Number(month), day: Number(day) }),
  ],
  [
    at(`(?:${dayName})?${monthName}\\s+(\\d{1,2})(?:st|nd|rd|th)?\\b(?:,?\\s+(\\d{4})\\b)?`),
    ([month = '', day, year]) => written(months.indexOf(month.toLowerCase()) + 1, day, year),
  ],
  [
    at(`(?:${dayName})?(\\d{1,2})(?:st|nd|rd|th)?\\s+(?:of\\s+)?${monthName}(?:,?\\s+(\\d{4})\\b)?`),
    ([day, month = '', year]) => written(months.indexOf(month.toLowerCase()) + 1, day, year),
  ],
  [
    at('(\\d{1,2})/(\\d{1,2})(?:/(\\d{4}|\\d{2})\\b)?(?![/\\d])'),
    ([one, other, year]) => slashed(Number(one), Number(other), year),
  ],
  [at(`(${weekdays.join('|')})[a-z]*\\b`), ([name = '']) => ({ weekday: weekdays.indexOf(name.toLowerCase()) })],
  [at('(today|tomorrow|tonight)\\b'), ([word = '']) => ({ inDays: word.toLowerCase() === 'tomorrow' ? 1 : 0 })],
];

function at(date: string): RegExp {
  return new RegExp(`^${date}${join}${clock})?${zone}`, 'i');
}

const written = (month: number, day: string | undefined, year: string | undefined): Partial<WrittenTime> => ({
  month,
  day: Number(day),
  ...(year === undefined || year === '' ? {} : { year: Number(year) }),
});

/** Month first, as American programs write it, unless that cannot be. */
const slashed = (one: number, other: number, year: string | undefined): Partial<WrittenTime> | null => {
  const [month, day] = one > 12 ? [other, one] : [one, other];
  const full = year === undefined || year === '' ? undefined : year.length === 2 ? `20${year}` : year;
  return month < 1 || month > 12 || day < 1 || day > 31 ? null : written(month, String(day), full);
};

const clockThenDate = new RegExp(`^${clock}${zone}(?:\\s+on|,)?\\s+(?=\\S)`, 'i');
const clockAlone = new RegExp(`^${clock}${zone}`, 'i');

/** The time with which a text begins; null if it begins with none. */
const timeAtStart = (text: string, reader: Reader): number | null => {
  const epoch = /^\(?(\d{13}|\d{10})\b/.exec(text)?.[1];
  if (epoch !== undefined) return fieldValue('', Number(epoch), reader.now);
  const exact = new RegExp(`^(?:${httpDate}|${isoDate})`).exec(text)?.[0];
  if (exact !== undefined) return Math.max(Date.parse(exact), reader.now);
  return dated(text, '', reader) ?? clocked(text, reader) ?? spanned(text, reader);
};

const spanned = (text: string, { now }: Reader): number | null => {
  const span = spanMs(text);
  return span === null ? null : now + span.ms;
};

/** A date at the start, with a clock behind it or (`before`) in front of it. */
const dated = (text: string, before: string, reader: Reader): number | null => {
  for (const [pattern, read] of dates) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const groups = found.slice(1).map(group => group ?? '');
    const date = read(groups);
    if (date === null) continue;
    const tail = groups.slice(-TAIL_GROUPS);
    const own = clockOf(tail);
    const other = before === '' ? null : clockAlone.exec(before);
    const times = other === null ? tail : other.slice(1).map(group => group ?? '');
    const time = own ?? (other === null ? null : clockOf(times));
    return onZone({ ...MIDNIGHT, ...time, ...date }, own === null ? times : tail, reader);
  }
  return null;
};

const clocked = (text: string, reader: Reader): number | null => {
  const found = clockAlone.exec(text);
  if (found === null) return null;
  const first = clockThenDate.exec(text)?.[0];
  const both = first === undefined ? null : dated(text.slice(first.length), first, reader);
  if (both !== null) return both;
  const groups = found.slice(1).map(group => group ?? '');
  const time = clockOf(groups);
  return time === null ? null : onZone(time, groups, reader);
};

const MIDNIGHT = { hour: 0, minute: 0, second: 0 };
/** How many groups {@link clock} and {@link zone} have. */
const CLOCK_GROUPS = 8;
const TAIL_GROUPS = CLOCK_GROUPS + 3;

const clockOf = (groups: readonly string[]): Pick<WrittenTime, 'hour' | 'minute' | 'second'> | null => {
  const [hour12, minute12, second12, half, hour24, minute24, second24, word] = groups;
  if (word) return { hour: word.toLowerCase() === 'noon' ? 12 : 0, minute: 0, second: 0 };
  if (half) {
    const hour = (Number(hour12) % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
    return Number(hour12) > 12 ? null : { hour, minute: Number(minute12), second: Number(second12) };
  }
  if (!hour24) return null;
  return Number(hour24) > 24 ? null : { hour: Number(hour24) % 24, minute: Number(minute24), second: Number(second24) };
};

const onZone = (time: WrittenTime, groups: readonly string[], { now, zone: local }: Reader): number | null => {
  const [inParentheses, abbreviated, offset] = groups.slice(CLOCK_GROUPS);
  if (offset) {
    const ahead = /^([+-])(\d{2}):?(\d{2})$/.exec(offset);
    const shift = (Number(ahead?.[2]) * 60 + Number(ahead?.[3])) * 60_000 * (ahead?.[1] === '-' ? -1 : 1);
    const found = onCalendar(time, 'UTC', now + shift);
    return found === null ? null : Math.max(found - shift, now);
  }
  const named = inParentheses || abbreviated ? zoneNamed((inParentheses || abbreviated || '').trim()) : null;
  return onCalendar(time, named ?? local, now);
};

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const spanPart = new RegExp(
  `^(${number})\\s?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?![a-z])[\\s,]*(?:and\\s+)?`,
  'i',
);

/** The span with which a text begins: `2h39m52s`, `4 days 20 hours`, `34.07s`. */
const spanMs = (text: string): { ms: number } | null => {
  let rest = text.replace(/^(?:an? )(?=hour|minute|day|week)/i, '1 ').replace(/^~ ?/, '');
  let total = 0;
  let parts = 0;
  for (let part = spanPart.exec(rest); part !== null && parts < 6; part = spanPart.exec(rest)) {
    const unit = (part[2] ?? '').toLowerCase();
    total += Number(part[1]) * (unitMs[/^(?:ms|milli)/.test(unit) ? 'ms' : unit.slice(0, 1)] ?? 0);
    rest = rest.slice(part[0].length);
    parts += 1;
  }
  return parts === 0 ? null : { ms: Math.round(total) };
};
