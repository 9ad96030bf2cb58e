import { sketchOf } from '../../core/likeness.ts';
import type { RunAmendment, RunRecord, Unchecked } from '../../core/run-record.ts';
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

/** Enough of the journal's end to hold the last run. */
const LAST_BYTES = 4096;
/** Of an output so much of its end is compared: the exit of a watcher waits for it. */
const SKETCHED_BYTES = 16 * 1024;
/** What tells one run from another of the same number. */
const SAME_MOMENT_MS = 1000;

export function openRunWriter(place: StateFolder): RunWriter {
  const journal = createRunJournal(place.stateDir, place.name);
  return {
    write(run, tail) {
      if (tail === null) return void journal.add(run);
      const sketch = sketchOf(tail.subarray(-SKETCHED_BYTES));
      journal.add({ ...run, metrics: { ...metricsIn(tail), ...run.metrics }, sketch });
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
