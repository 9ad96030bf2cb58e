/** A run in the journal: how it went, in numbers. Pure; the files are the state room's. */
import { likenessOf } from './likeness.ts';
import type { Exit, ExitCause } from './model.ts';

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
