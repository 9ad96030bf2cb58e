import { type RunAmendment, type RunRecord, runsIn, type Unchecked } from '../core/run-record.ts';
import { createLineLog, readLines } from './line-log.ts';

/** Keeps one line for each run of a service, and lines that add to it later: `runs.jsonl`. */
export interface RunJournal {
  /** Returns whether it is on disk. */
  add(run: RunRecord): boolean;
  /** Adds what became known of a run that is in the journal. */
  amend(run: number, change: RunAmendment): boolean;
  close(): void;
}

const RUNS_FILE = 'runs.jsonl';
/** As many are shown at most. */
const MOST_RUNS = 1000;

/** Opens nothing before the first line. For a watcher, and for a command that adds a person's word: both only append. */
export function createRunJournal(stateDir: string, name: string): RunJournal {
  const lines = createLineLog({ stateDir, name, file: RUNS_FILE });
  return {
    add: run => lines.add(run),
    amend: (run, change) => lines.add({ of: run, ...change }),
    close: lines.close,
  };
}

/** The runs of a service, oldest first. */
export function readRuns(folder: string): RunRecord[] {
  return runsIn(readLines(folder, RUNS_FILE)).slice(-MOST_RUNS);
}

/** The runs in the last bytes of the journal, as they were written: without what was added, and with fields of any type. */
export function readRunsQuickly(folder: string, mostBytes: number): Unchecked<RunRecord>[] {
  const lines = readLines(folder, RUNS_FILE, mostBytes);
  return lines.filter(line => line['of'] === undefined && typeof line['run'] === 'number');
}
