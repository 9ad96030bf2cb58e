/**
 * What is unusual about a run that ended with success: each of its numbers is held against the former successful runs, on logarithms,
 * by median and median absolute deviation (Rousseeuw and Croux 1993). Pure.
 */
import { likenessOf, type RunRecord, type Unchecked } from './run-record.ts';
import { durationText, sizeText } from './units.ts';

/** A run as the journal has it. */
export type FormerRun = Unchecked<RunRecord>;

/** Nothing is said before so many runs have ended. */
const LEAST_RUNS = 8;
/** The usual is what so many of the last successful runs did. */
const USUAL_RUNS = 50;
/** A number that came in one of so many runs before is not said again. */
export const SEEN_RUNS = 200;

/** How a number is compared. */
interface Measure {
  /** As the sentence begins. */
  readonly high: (value: number, usual: string, times: string) => string;
  /** Null: less of it is never unusual. */
  readonly low: ((value: number, usual: string, share: string) => string) | null;
  readonly text: (value: number) => string;
  /** Added before the logarithm: differences far below it are of no interest. */
  readonly grain: number;
  /** So many times the spread is outside. */
  readonly deviations: number;
}

const DURATION: Measure = {
  high: (value, usual) => `took ${durationText(value)}, usually ${usual}`,
  low: (value, usual) => `took ${durationText(value)}, usually ${usual}`,
  text: durationText,
  grain: 2000,
  deviations: 4,
};
const BYTES: Measure = {
  high: (value, usual, times) => `${times} times the usual output (${sizeText(value)}, usually ${usual})`,
  low: (value, usual, share) => `${share} % of the usual output (${sizeText(value)}, usually ${usual})`,
  text: sizeText,
  grain: 24,
  deviations: 4,
};
const CPU: Measure = {
  high: (value, usual, times) => `${times} times the usual processor time (${durationText(value)}, usually ${usual})`,
  low: null,
  text: durationText,
  grain: 2000,
  deviations: 6,
};
const MEMORY: Measure = {
  high: (value, usual, times) => `${times} times the usual memory (${sizeText(value)}, usually ${usual})`,
  low: null,
  text: sizeText,
  grain: 32 * 1024 * 1024,
  deviations: 6,
};

const rounded = (value: number) => String(Number(value.toPrecision(2)));

/** A number that the program tells of itself. */
const metric = (name: string): Measure => ({
  high: (value, usual, times) => `${name} ${times} times the usual (${rounded(value)}, usually ${usual})`,
  low: null,
  text: rounded,
  grain: name === 'cost' ? 0.002 : 1e-6,
  deviations: 4,
});

const FIELDS = [
  ['durationMs', DURATION],
  ['bytes', BYTES],
  ['cpuMs', CPU],
  ['peakMemoryBytes', MEMORY],
] as const;

/**
 * What is unusual about a run, each in a sentence with both numbers; nothing of a run that did not end with success.
 * @param earlier runs before it, oldest first, whatever their end; those beyond the last {@link SEEN_RUNS} are not looked at
 */
export function unusualOf(run: FormerRun, earlier: readonly FormerRun[]): string[] {
  if (run.cause !== 'success' || earlier.length < LEAST_RUNS) return [];
  const former = earlier.slice(-SEEN_RUNS).filter(({ cause }) => cause === 'success');
  const found = FIELDS.map(([field, measure]) => compared(measure, run, former, one => one[field]));
  for (const name of Object.keys(metricsOf(run)))
    found.push(compared(metric(name), run, former, one => metricsOf(one)[name]));
  return [...found, repeated(run, former)].filter(reason => reason !== null);
}

/**
 * What is unusual about each of the last runs.
 * @param runs all that are known, oldest first
 */
export function unusualOfLast(runs: readonly FormerRun[], most: number): string[][] {
  const from = Math.max(0, runs.length - most);
  return runs.slice(from).map((run, at) => unusualOf(run, runs.slice(Math.max(0, from + at - SEEN_RUNS), from + at)));
}

function metricsOf({ metrics }: FormerRun): Readonly<Record<string, unknown>> {
  return typeof metrics === 'object' && metrics !== null ? (metrics as Record<string, unknown>) : {};
}

/** A value of a former run, and when that began. */
interface Point {
  readonly log: number;
  readonly startedAt: unknown;
}

function compared(
  measure: Measure,
  run: FormerRun,
  former: readonly FormerRun[],
  numberOf: (one: FormerRun) => unknown,
) {
  const { high, low, text, grain } = measure;
  const value = numberOf(run);
  if (!isNumber(value)) return null;
  const log = Math.log(value + grain);
  const points: Point[] = [];
  for (const one of former) {
    const known = numberOf(one);
    if (isNumber(known)) points.push({ log: Math.log(known + grain), startedAt: one.startedAt });
  }
  if (points.length < LEAST_RUNS) return null;
  const point = { log, startedAt: run.startedAt };
  if (isSeen(point, points)) return null;
  const seen = comparable(point, points);
  const recent = seen.slice(-USUAL_RUNS);
  const step = trendOf(recent);
  const usual = recent.map((one, at) => one + step * (recent.length - at)).sort(ascending);
  // What a growing number was long ago is not usual any more.
  if (!isFar(log, measure.deviations, usual, step === 0 ? seen : recent)) return null;
  const middle = medianOf(usual);
  const size = Math.exp(middle) - grain;
  const range = rangeText(usual, one => text(Math.max(0, Math.exp(one) - grain)));
  if (log > middle) return high(value, range, rounded(value / Math.max(size, grain / 100)));
  return low === null ? null : low(value, range, rounded((100 * value) / Math.max(size, 1)));
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && value >= 0;

/** The middle four fifths. */
function rangeText(sorted: readonly number[], text: (log: number) => string): string {
  const at = (share: number) => text(sorted[Math.round(share * (sorted.length - 1))] as number);
  const [from, to] = [at(0.1), at(0.9)];
  return from === to ? from : `${from} to ${to}`;
}

/** Whether the value came before, in the same slots too, as most do: then nothing has to be put in order. */
function isSeen(point: Point, points: readonly Point[]): boolean {
  const open = new Set([weekdayOf, hourOf]);
  const own = new Map([...open].map(slotOf => [slotOf, slotOf(point)]));
  for (let at = points.length - 1; at >= points.length - USUAL_RUNS && open.size > 0; at--) {
    const one = points[at];
    if (one === undefined || Math.abs(one.log - point.log) >= (NEAREST_RATIOS[0] as number)) continue;
    for (const slotOf of open) if (slotOf(one) === own.get(slotOf)) open.delete(slotOf);
  }
  return open.size === 0;
}

/** Spread below this share is none: no clock, no disk and no network is steadier. */
const LEAST_SPREAD = 0.12;
/** A few values show less than the whole spread. */
const DEVIATIONS_OF_FEW = 20;
/** To be told, a number is that many times the usual, or that part of it. */
const LEAST_RATIO = Math.log(2.2);
/** And that many times, or that part of, the nearest that was seen: where none, one or more were as far from the usual. */
const NEAREST_RATIOS = [1.3, 1.4, 1.6].map(Math.log);
/** In a gap between two modes: that many times as far from the nearest as any other. */
const GAP = 4;

function isFar(log: number, deviations: number, usual: readonly number[], seen: readonly number[]): boolean {
  const nearest = nearestTo(log, seen);
  if (nearest < (NEAREST_RATIOS[0] as number)) return false;
  const middle = medianOf(usual);
  const distance = Math.abs(log - middle);
  const distances = usual.map(one => Math.abs(one - middle)).sort(ascending);
  const spread = Math.max(LEAST_SPREAD, 1.4826 * medianOf(distances));
  const limit = Math.max(LEAST_RATIO, (deviations + DEVIATIONS_OF_FEW / usual.length) * spread);
  // A job that goes so far now and then has to go farther to be told.
  const before = seen.map(one => (one - middle) * Math.sign(log - middle)).filter(one => one > limit);
  const need = NEAREST_RATIOS[Math.min(before.length, NEAREST_RATIOS.length - 1)] as number;
  if (distance > limit && nearest > need && before.every(one => one < distance)) return true;
  return isApart(log, usual) && isApart(log, seen);
}

function nearestTo(log: number, logs: readonly number[]): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const one of logs) nearest = Math.min(nearest, Math.abs(one - log));
  return nearest;
}

/** Of two modes the spread is wide, and says nothing of what lies between or beside them. */
function isApart(log: number, logs: readonly number[]): boolean {
  if (logs.length < 2 * LEAST_RUNS) return false;
  return nearestTo(log, logs) > GAP * Math.max(LEAST_SPREAD, widestGap(logs.toSorted(ascending)));
}

/** A third of the values after another must differ by so much to be a trend. */
const LEAST_STEP = 0.1;

/** By how much values grow or shrink each time, if they do so over all three thirds of their time; else 0. */
function trendOf(logs: readonly number[]): number {
  const third = Math.floor(logs.length / 3);
  if (third < 3) return 0;
  const [first, second, last] = [0, 1, 2].map(part =>
    medianOf(logs.slice(part * third, (part + 1) * third).sort(ascending)),
  ) as [number, number, number];
  const isTrend = Math.min(Math.abs(second - first), Math.abs(last - second)) > LEAST_STEP;
  return isTrend && second > first === last > second ? (last - first) / (2 * third) : 0;
}

/** The farthest that one of them is from its nearest. */
function widestGap(sorted: readonly number[]): number {
  let widest = 0;
  for (const [at, one] of sorted.entries()) {
    const before = one - (sorted[at - 1] ?? Number.NEGATIVE_INFINITY);
    const after = (sorted[at + 1] ?? Number.POSITIVE_INFINITY) - one;
    widest = Math.max(widest, Math.min(before, after));
  }
  return widest;
}

/** A slot with fewer runs is not held apart. */
const LEAST_OF_SLOT = 4;
/** So many runs that went as far, all in a third of the slots, are those slots' own. */
const LEAST_FAR = 5;

/** What a value is held against: all, or the runs of the same weekday or hour where those that went as far belong to others. */
function comparable({ log, startedAt }: Point, points: readonly Point[]): readonly number[] {
  const logs = points.map(one => one.log);
  const middle = medianOf(logs.toSorted(ascending));
  const half = (log - middle) / 2;
  if (Math.abs(half) < LEAST_RATIO / 2) return logs;
  const far = points.filter(one => (one.log - middle) / half >= 1);
  // Of a number that grows only the last runs went as far, whatever their slot.
  if (far.length < LEAST_FAR || points.indexOf(far[0] as Point) > points.length / 2) return logs;
  for (const slotOf of [weekdayOf, hourOf]) {
    const own = slotOf({ log, startedAt });
    const slots = new Set(far.map(slotOf));
    const sameSlot = points.filter(one => slotOf(one) === own);
    if (!slots.has(own) && sameSlot.length >= LEAST_OF_SLOT && slots.size <= new Set(points.map(slotOf)).size / 3)
      return sameSlot.map(one => one.log);
  }
  return logs;
}

/** By the text of a time in RFC 3339, UTC. */
function hourOf({ startedAt }: Point): number {
  return typeof startedAt === 'string' ? Number(startedAt.slice(11, 13)) : -1;
}

/** By Sakamoto's method. */
function weekdayOf({ startedAt }: Point): number {
  if (typeof startedAt !== 'string') return -1;
  const [year, month, day] = [startedAt.slice(0, 4), startedAt.slice(5, 7), startedAt.slice(8, 10)].map(
    Number,
  ) as Date3;
  const y = month < 3 ? year - 1 : year;
  const offset = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][month - 1] ?? 0;
  return (y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + offset + day) % 7;
}

type Date3 = [year: number, month: number, day: number];

/** As many runs in a row with one text, the present one included, are told: once. */
const SAME_RUNS = 5;
const SAME_LIKENESS = 30 / 32;
const SAME_BYTES = 1.05;
/** A job that often repeats itself says nothing by it: the greatest share of runs before that were like the one before them. */
const OFTEN_SAME = 0.15;

function repeated(run: FormerRun, former: readonly FormerRun[]): string | null {
  const all = [...former, run].filter(({ sketch }) => typeof sketch === 'string');
  if (run.sketch == null) return null;
  let length = 1;
  while (length < all.length && isSame(all.at(-length), all.at(-length - 1))) length++;
  if (length !== SAME_RUNS) return null;
  const before = all.slice(0, all.length - length + 1);
  if (before.length < SAME_RUNS - 1) return null;
  const same = before.filter((one, at) => at > 0 && isSame(one, before[at - 1])).length;
  if ((same + 0.5) / before.length > OFTEN_SAME) return null;
  return `the same text as the last ${SAME_RUNS - 1} runs`;
}

function isSame(one: FormerRun | undefined, other: FormerRun | undefined): boolean {
  const ratio = Number(one?.bytes) / Number(other?.bytes);
  return (likenessOf(one?.sketch, other?.sketch) ?? 0) >= SAME_LIKENESS && ratio < SAME_BYTES && ratio > 1 / SAME_BYTES;
}

const ascending = (one: number, other: number) => one - other;

/** Of values in order. */
function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
