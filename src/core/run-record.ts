/** A run in the journal: how it went, in numbers. Pure; the files are the state room's. */
import type { Exit, ExitCause } from './model.ts';

/**
 * How alike two outputs are, by a sketch of each: the smallest hashes of its shingles (three words in a row), one for each of 32 bins. The
 * share of bins that agree is about the share of shingles that are in both. Source: Broder 1997; Li, Owen and Zhang 2012 (one permutation).
 */

/** How many bins a sketch has. A sketch is that many bytes in hexadecimal. */
const BINS = 32;
const PRIME = 0x01000193;
const BASIS = 0x811c9dc5;

/**
 * The sketch of an output; null if there are no words in it. Numbers count as one, so that times and counters make no difference.
 * @param bytes a text in UTF-8
 */
export function sketchOf(bytes: Uint8Array): string | null {
  const least = new Float64Array(BINS).fill(Number.POSITIVE_INFINITY);
  const end = bytes.length;
  // The hashes of the two words before.
  let before = BASIS;
  let last = BASIS;
  let word = BASIS;
  let letters = 0;
  let words = 0;
  let inNumber = false;
  for (let at = 0; at <= end; at++) {
    const byte = at < end ? (bytes[at] as number) : SPACE;
    if (byte > SPACE) {
      const isDigit = byte >= ZERO && byte <= NINE;
      if (!isDigit || !inNumber) word = Math.imul(word ^ (isDigit ? ZERO : byte), PRIME);
      inNumber = isDigit;
      letters++;
    } else if (letters > 0) {
      const hash = mixed(Math.imul(before, 31) ^ Math.imul(last, 17) ^ word);
      const bin = hash & (BINS - 1);
      const value = hash >>> 5;
      if (value < (least[bin] as number)) least[bin] = value;
      before = last;
      last = word;
      word = BASIS;
      letters = 0;
      inNumber = false;
      words++;
    }
  }
  return words === 0 ? null : textOf(least);
}

const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/** Murmur's last step: the bits of a short word reach every bin. Unsigned. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** An empty bin takes the next one's value, so that short outputs compare as well. */
function textOf(least: Float64Array): string {
  let text = '';
  for (let bin = 0; bin < BINS; bin++) {
    let from = bin;
    while (least[from % BINS] === Number.POSITIVE_INFINITY) from++;
    const value = (least[from % BINS] as number) + (from - bin) * 0x9e3779b1;
    text += (value & 0xff).toString(16).padStart(2, '0');
  }
  return text;
}

/** The share of two outputs that is in both, 0 to 1, within about 0.1; null if one of them is not known. */
export function likenessOf(one: unknown, other: unknown): number | null {
  if (typeof one !== 'string' || typeof other !== 'string') return null;
  if (one.length !== 2 * BINS || other.length !== one.length) return null;
  let same = 0;
  for (let at = 0; at < one.length; at += 2) if (one[at] === other[at] && one[at + 1] === other[at + 1]) same++;
  return same / BINS;
}

/** One run that has ended. Null where a number is not known, never 0 for it. */
export interface RunRecord {
  /** Its number, over watchers and reboots. */
  readonly run: number;
  /** RFC 3339 UTC. */
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly exit: Exit;
  /** Why it ended, as `lastExit.cause` of `status --json`; `orphan`: its watcher was killed. */
  readonly cause: ExitCause;
  /** The category of its incident, or of the limit that its output states; `unknown`: its incident has no explanation. */
  readonly category: string | null;
  /** What was wrong in one sentence, where that is known. */
  readonly why: string | null;
  readonly durationMs: number | null;
  readonly bytes: number | null;
  /** Null also for a run that wrote faster than lines are counted. */
  readonly lines: number | null;
  /** From the start to the first output; null if there was none. */
  readonly firstOutputMs: number | null;
  /** The longest time without output, from the start to the end. */
  readonly longestSilenceMs: number | null;
  /** Null also below 10 ms, and where the watcher ran other commands beside the run. */
  readonly cpuMs: number | null;
  /** Of the whole process tree, as far as it was sampled. */
  readonly peakMemoryBytes: number | null;
  /** What the program said or wrote of itself: `cost`, `tokens`, and the numbers of `--budget`. */
  readonly metrics: Readonly<Record<string, number>>;
  /** How much of its output was in one of the last successful runs too, 0 to 1. Not in the journal: it follows from the sketches. */
  readonly likeness: number | null;
  readonly incidentId: string | null;
  /** What a judge said of it. */
  readonly verdict: Readonly<Record<string, unknown>> | null;
  /** What a person said of it. */
  readonly mark: Readonly<Record<string, unknown>> | null;
  /** A sketch of its output, by which likeness is measured. Not for people. */
  readonly sketch?: string | null;
}

/** What may become known of a run after its end. */
export type RunAmendment = Partial<Pick<RunRecord, 'category' | 'incidentId' | 'verdict' | 'mark'>>;

/** An object of a file that was not looked at closely: any field may be missing, or be of another type. */
export type Unchecked<T> = { readonly [Key in keyof T]?: unknown };

const NOTHING_KNOWN: Omit<RunRecord, 'run' | 'cause'> = {
  startedAt: null,
  endedAt: null,
  exit: { code: null, signal: null },
  category: null,
  why: null,
  durationMs: null,
  bytes: null,
  lines: null,
  firstOutputMs: null,
  longestSilenceMs: null,
  cpuMs: null,
  peakMemoryBytes: null,
  metrics: {},
  likeness: null,
  incidentId: null,
  verdict: null,
  mark: null,
};

/** A record of a run of which only this is known. */
export function runRecord(known: Pick<RunRecord, 'run' | 'cause'> & Partial<RunRecord>): RunRecord {
  const { run, cause, ...rest } = known;
  return { run, cause, ...NOTHING_KNOWN, ...rest };
}

/** An output is compared with those of so many successful runs. */
const LIKE_RUNS = 5;

/** Says of each run how much of its output was in one of the last successful runs before it. */
function compared(runs: readonly RunRecord[]): RunRecord[] {
  const former: RunRecord[] = [];
  return runs.map(run => {
    const values = former.map(one => likenessOf(one.sketch, run.sketch)).filter(value => value !== null);
    if (run.cause === 'success' && former.push(run) > LIKE_RUNS) former.shift();
    return values.length === 0 ? run : { ...run, likeness: Math.max(...values) };
  });
}

/**
 * The runs that lines of the journal tell of, oldest first. A line with `of` adds to the run of that number, which has a line already. Fields that this
 * version does not know are kept.
 */
export function runsIn(lines: readonly Readonly<Record<string, unknown>>[]): RunRecord[] {
  const runs: RunRecord[] = [];
  // A number comes again where the state was lost: what is added is of the last run that had it.
  const places = new Map<number, number>();
  for (const line of lines) {
    if (isRun(line)) {
      places.set(line['run'], runs.length);
      runs.push(sound(line));
      continue;
    }
    const { of, run: _own, ...change } = line;
    const at = typeof of === 'number' ? places.get(of) : undefined;
    const known = at === undefined ? undefined : runs[at];
    if (known !== undefined && at !== undefined) runs[at] = sound({ ...known, ...change });
  }
  return compared(runs);
}

function isRun(line: Readonly<Record<string, unknown>>): line is { run: number; cause: ExitCause } {
  return Number.isInteger(line['run']) && line['of'] === undefined && typeof line['cause'] === 'string';
}

const NUMBERS = [
  'durationMs',
  'bytes',
  'lines',
  'firstOutputMs',
  'longestSilenceMs',
  'cpuMs',
  'peakMemoryBytes',
] as const;
const TEXTS = ['startedAt', 'endedAt', 'category', 'why', 'incidentId', 'sketch'] as const;
const OBJECTS = ['verdict', 'mark'] as const;

/** The record with every field of its type, whatever a file holds: what is of another type is not known. */
function sound(line: Pick<RunRecord, 'run' | 'cause'> & Readonly<Record<string, unknown>>): RunRecord {
  const { run, cause, ...rest } = line;
  const record: Record<string, unknown> = { run, cause, ...NOTHING_KNOWN, ...rest };
  for (const field of NUMBERS) if (!Number.isFinite(record[field])) record[field] = null;
  for (const field of TEXTS) if (typeof record[field] !== 'string') record[field] = null;
  for (const field of OBJECTS) if (!isObject(record[field])) record[field] = null;
  if (!isObject(record['exit'])) record['exit'] = NOTHING_KNOWN.exit;
  const metrics = isObject(record['metrics']) ? Object.entries(record['metrics']) : [];
  record['metrics'] = Object.fromEntries(metrics.filter(([, value]) => Number.isFinite(value)));
  return record as unknown as RunRecord;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A run as the journal has it. */
export type FormerRun = Unchecked<RunRecord>;

/** As many runs in a row with one text, the present one included, are told: once. */
const SAME_RUNS = 5;
const SAME_LIKENESS = 30 / 32;
const SAME_BYTES = 1.05;
/** A job that often repeats itself says nothing by it: the greatest share of runs before that were like the one before them. */
const OFTEN_SAME = 0.15;

/** That a run has the same text as those before it, in a sentence; null: it has not, or that was said. */
export function repeated(run: FormerRun, former: readonly FormerRun[]): string | null {
  const all = [...former, run].filter(({ sketch }) => typeof sketch === 'string');
  if (run.sketch == null) return null;
  let length = 1;
  while (length < all.length && isSame(all.at(-length), all.at(-length - 1))) length++;
  if (length !== SAME_RUNS) return null;
  const before = all.slice(0, all.length - length + 1);
  if (wasRepeated(before)) return null;
  if (before.length < SAME_RUNS - 1) return null;
  const same = before.filter((one, at) => at > 0 && isSame(one, before[at - 1])).length;
  if ((same + 0.5) / before.length > OFTEN_SAME) return null;
  return `the same text as the last ${SAME_RUNS - 1} runs`;
}

/** Whether so many in a row had one text already. */
function wasRepeated(runs: readonly FormerRun[]): boolean {
  let length = 1;
  return runs.some((one, at) => {
    length = at > 0 && isSame(one, runs[at - 1]) ? length + 1 : 1;
    return length >= SAME_RUNS;
  });
}

function isSame(one: FormerRun | undefined, other: FormerRun | undefined): boolean {
  const ratio = Number(one?.bytes) / Number(other?.bytes);
  return (likenessOf(one?.sketch, other?.sketch) ?? 0) >= SAME_LIKENESS && ratio < SAME_BYTES && ratio > 1 / SAME_BYTES;
}
