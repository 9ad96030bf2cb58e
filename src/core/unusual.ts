/**
 * What is unusual about a run that ended with success: each of its numbers is held against the former successful runs, on logarithms,
 * by median and median absolute deviation (Rousseeuw and Croux 1993). Pure.
 */
import { type FormerRun, repeated } from './run-record.ts';
import { durationText, sizeText } from './units.ts';

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

const took = (value: number, usual: string) => `took ${durationText(value)}, usually ${usual}`;
const DURATION: Measure = {
  high: took,
  low: took,
  text: durationText,
  grain: 2000,
  deviations: 3.2,
};
const BYTES: Measure = {
  high: (value, usual, times) => `${times} times the usual output (${sizeText(value)}, usually ${usual})`,
  low: (value, usual, share) => `${share}% of the usual output (${sizeText(value)}, usually ${usual})`,
  text: sizeText,
  grain: 24,
  deviations: 3.2,
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
  deviations: 3.2,
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
  const seen = earlier.slice(-SEEN_RUNS);
  const former = seen.filter(isSuccess);
  const same = repeated(run, former);
  const far = farOf(run, former, 1);
  const often = far.length === 0 ? 0 : lately(run, seen);
  const told = often === 0 ? far : farOf(run, former, 1 + MORE_EACH * often);
  return same === null ? told : [...told, same];
}

const isSuccess = ({ cause }: FormerRun) => cause === 'success';

/** The numbers that lie outside, a sentence each. `strictness`: 1, or so many times as far as that. */
function farOf(run: FormerRun, former: readonly FormerRun[], strictness: number): string[] {
  const found = FIELDS.map(([field, measure]) => compared(measure, run, former, one => one[field], strictness));
  for (const name of Object.keys(metricsOf(run)))
    found.push(compared(metric(name), run, former, one => metricsOf(one)[name], strictness));
  return found.filter(reason => reason !== null);
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A job that was found unusual in the last month has a wider spread than its numbers show: each such run asks for so much more of the next. */
const MORE_EACH = 0.75;

/** How many runs of the last month were unusual by their numbers. Looked at only where the present one is. */
function lately(run: FormerRun, earlier: readonly FormerRun[]): number {
  const from = Date.parse(String(run.startedAt)) - 30 * DAY_MS;
  let count = 0;
  for (let at = earlier.length - 1; at >= LEAST_RUNS; at--) {
    const one = earlier[at] as FormerRun;
    if (!(Date.parse(String(one.startedAt)) >= from)) break;
    if (isSuccess(one) && farOf(one, earlier.slice(0, at).filter(isSuccess), 1).length > 0) count++;
  }
  return count;
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
  strictness: number,
): string | null {
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
  const { seen, own } = comparable(point, points);
  const recent = seen.slice(-USUAL_RUNS);
  const step = trendOf(recent);
  const usual = recent.map((one, at) => one + step * (recent.length - at)).sort(ascending);
  // What a growing number was long ago is not usual any more.
  if (!isFar(log, measure.deviations, usual, step === 0 ? seen : recent, strictness)) return null;
  const middle = medianOf(usual);
  const size = Math.exp(middle) - grain;
  const shown = (one: number) => text(Math.max(0, Math.exp(one) - grain));
  const range = rangeText(own.length > 0 ? own.sort(ascending) : usual, shown);
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

type Logs = readonly number[];

function isFar(log: number, deviations: number, usual: Logs, seen: Logs, strictness: number): boolean {
  const nearest = nearestTo(log, seen);
  if (nearest < (NEAREST_RATIOS[0] as number)) return false;
  const middle = medianOf(usual);
  const distance = Math.abs(log - middle);
  const distances = usual.map(one => Math.abs(one - middle)).sort(ascending);
  const spread = Math.max(LEAST_SPREAD, 1.4826 * medianOf(distances));
  const limit = strictness * Math.max(LEAST_RATIO, (deviations + DEVIATIONS_OF_FEW / usual.length) * spread);
  // A job that goes so far now and then has to go farther to be told.
  const before = seen.map(one => (one - middle) * Math.sign(log - middle)).filter(one => one > limit);
  const need = NEAREST_RATIOS[Math.min(before.length, NEAREST_RATIOS.length - 1)] as number;
  if (distance > limit && nearest > strictness * need && before.every(one => one < distance)) return true;
  return isApart(log, usual, strictness) && isApart(log, seen, strictness);
}

const nearestTo = (log: number, logs: Logs) =>
  logs.reduce((least, one) => Math.min(least, Math.abs(one - log)), Number.POSITIVE_INFINITY);

/** Of two modes the spread is wide, and says nothing of what lies between or beside them. */
function isApart(log: number, logs: readonly number[], strictness: number): boolean {
  if (logs.length < 2 * LEAST_RUNS) return false;
  return nearestTo(log, logs) > strictness * GAP * Math.max(LEAST_SPREAD, widestGap(logs.toSorted(ascending)));
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
/** Slots differ if runs lie so much nearer to the middle of their own than to that of all. */
const NEARER = 0.7;

/**
 * What a value is held against: the runs before it; where weekdays or hours differ, as they would be in its own.
 * `own`: those of its own as they were, for people.
 */
function comparable(point: Point, points: readonly Point[]): { seen: number[]; own: number[] } {
  let [fitted, own] = [points, points];
  for (const slotOf of [weekdayOf, hourOf]) {
    const inside = inSlotOf(point, fitted, slotOf);
    if (inside !== fitted) own = own.filter(one => slotOf(one) === slotOf(point));
    fitted = inside;
  }
  const logs = (of: readonly Point[]) => of.map(one => one.log);
  return { seen: logs(fitted), own: fitted === points || own.length < LEAST_OF_SLOT ? [] : logs(own) };
}

function inSlotOf(point: Point, points: readonly Point[], slotOf: (point: Point) => number): readonly Point[] {
  const slots = Map.groupBy(points, slotOf);
  const own = slots.get(slotOf(point));
  if (slots.size < 2 || own === undefined || own.length < LEAST_OF_SLOT) return points;
  const middles = new Map<number, number>();
  for (const [slot, inside] of slots) if (inside.length >= LEAST_OF_SLOT) middles.set(slot, middleOf(inside));
  const known = points.filter(one => middles.has(slotOf(one)));
  const middle = middleOf(known);
  const away = (from: (one: Point) => number) => known.reduce((sum, one) => sum + Math.abs(one.log - from(one)), 0);
  const ofSlot = (one: Point) => middles.get(slotOf(one)) ?? middle;
  if (away(ofSlot) > NEARER * away(() => middle)) return points;
  return known.map(one => ({ ...one, log: one.log - ofSlot(one) + ofSlot(point) }));
}

const middleOf = (points: readonly Point[]) => medianOf(points.map(one => one.log).sort(ascending));

/** By the text of a time in RFC 3339, UTC. The first day of 1970 was a Thursday. */
const hourOf = ({ startedAt }: Point) => (typeof startedAt === 'string' ? Number(startedAt.slice(11, 13)) : -1);
const weekdayOf = ({ startedAt }: Point) =>
  typeof startedAt === 'string' ? Math.floor(Date.parse(startedAt) / DAY_MS + 4) % 7 : -1;

const ascending = (one: number, other: number) => one - other;

/** Of values in order. */
function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
