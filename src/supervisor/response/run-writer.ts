import type { Note } from '../../core/events.ts';
import { sketchOf } from '../../core/likeness.ts';
import type { RunAmendment, RunRecord, Unchecked } from '../../core/run-record.ts';
import { type FormerRun, SEEN_RUNS, unusualOf } from '../../core/unusual.ts';
import { statedIn } from '../../probes/budget-metrics.ts';
import { createRunJournal, readRunsQuickly } from '../../state/run-journal.ts';
import type { StateFolder } from '../../state/state-folder.ts';

/** Reads what a run left, and appends the run to the journal. Loaded with the first end of a run. */
export interface RunWriter {
  /** @param tail the end of its output; null: there was no run that could write any */
  write(run: RunRecord, tail: Buffer | null): void;
  /** The same for a run of an earlier watcher, unless the journal has it. */
  writeMissed(run: RunRecord): void;
  amend(run: number, change: RunAmendment): void;
}

/** Of the journal's end so much is read once. */
const FORMER_BYTES = 96 * 1024;
/** Enough of the journal's end to hold the last run. */
const LAST_BYTES = 4096;
/** Of an output so much of its end is compared: the exit of a watcher waits for it. */
const SKETCHED_BYTES = 16 * 1024;
/** What tells one run from another of the same number. */
const SAME_MOMENT_MS = 1000;

/** @param tell told of an unusual run, before others end with the watcher; null: runs are not compared */
export function openRunWriter(place: StateFolder, tell: ((note: Note) => void) | null): RunWriter {
  const journal = createRunJournal(place.stateDir, place.name);
  let former: FormerRun[] | null = null;

  function compare(run: RunRecord): void {
    former ??= readRunsQuickly(place.path, FORMER_BYTES);
    const reasons = unusualOf(run, former);
    former.push(run);
    if (former.length > SEEN_RUNS) former.shift();
    if (reasons.length > 0) tell?.({ kind: 'unusual', run: run.run, reasons });
  }

  return {
    write(run, tail) {
      const read = tail === null ? {} : { sketch: sketchOf(tail.subarray(-SKETCHED_BYTES)) };
      const metrics = tail === null ? run.metrics : { ...metricsIn(tail), ...run.metrics };
      const whole = { ...run, ...read, metrics };
      // Before it is in the journal, from which the former ones are read.
      if (tell !== null) compare(whole);
      journal.add(whole);
    },
    writeMissed(run) {
      if (!readRunsQuickly(place.path, LAST_BYTES).some(one => isSame(one, run))) journal.add(run);
    },
    amend(run, change) {
      journal.amend(run, change);
    },
  };
}

function isSame(one: Unchecked<RunRecord>, other: RunRecord): boolean {
  if (one.run !== other.run) return false;
  const isNear = (a: unknown, b: string | null) =>
    b !== null && Math.abs(Date.parse(String(a)) - Date.parse(b)) <= SAME_MOMENT_MS;
  if (other.cause === 'orphan') return one.cause === 'orphan' || isNear(one.startedAt, other.startedAt);
  return isNear(one.endedAt, other.endedAt) || isNear(one.startedAt, other.startedAt);
}

/** What agents print of themselves in the end. */
const SAID = ['cost', 'tokens'] as const;
const MAY_SAY = /cost|token/i;
const MOST_LINES = 200;
const LINE_CHARS = 16 * 1024;

/** The last cost and the last number of tokens that the output states. */
function metricsIn(tail: Buffer): Record<string, number> {
  const metrics: Record<string, number> = {};
  if (!MAY_SAY.test(tail.toString('latin1'))) return metrics;
  const lines = tail.toString('utf8').trimEnd().split('\n').slice(-MOST_LINES).reverse();
  for (const line of lines) {
    if (!MAY_SAY.test(line) || line.length > LINE_CHARS) continue;
    for (const name of SAID) {
      const stated = metrics[name] === undefined ? statedIn(line, name, null) : null;
      if (stated !== null) metrics[name] = stated.value;
    }
    if (SAID.every(name => metrics[name] !== undefined)) break;
  }
  return metrics;
}
