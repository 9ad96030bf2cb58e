import type { EndReading } from '../core/events.ts';
import type { RunId } from '../core/model.ts';
import type { Report } from '../core/ports.ts';
import { createLineMatcher } from '../probes/line-matcher.ts';
import { createLineSplitter } from '../probes/output-feed.ts';
import type { Observer } from './observers/observer.ts';

/** What the user says of lines that tell how a run went. */
export interface PatternOrder {
  /** A run that ended with success is a failure unless a line matched. */
  success: RegExp | null;
  /** One of the last lines matches: the run is a failure. */
  failAtExit: RegExp | null;
  /** A line matches: the work is done, and the run is stopped if it has not exited that much later. */
  done: RegExp | null;
  doneGraceMs: number;
}

/** Listens to the output of the runs for those lines. */
export interface OutputPatterns extends Observer {
  /** What they say of the run that has just ended. `succeeded`: its exit code is a success; `tail`: the end of its output. */
  verdict(succeeded: boolean, tail: (maxBytes: number) => Buffer): Pick<EndReading, 'success' | 'why'>;
}

/** How many of the last lines --fail-at-exit looks at. */
const LAST_LINES = 20;
const TAIL_BYTES = 64 * 1024;

/** Null: there is nothing to listen for. */
export function createOutputPatterns(
  { success, failAtExit, done, doneGraceMs }: PatternOrder,
  report: Report,
): OutputPatterns | null {
  if (success === null && failAtExit === null && done === null) return null;
  const matchesIn = (pattern: RegExp | null) => {
    const matcher = pattern === null ? null : createLineMatcher(pattern);
    return (lines: readonly string[]) => {
      let found = false;
      matcher?.scan(lines, () => {
        found = true;
        return false;
      });
      return found;
    };
  };
  const isSuccess = matchesIn(success);
  const isFailure = matchesIn(failAtExit);
  const isDone = matchesIn(done);
  let splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
  let succeeded = false;
  let runId: RunId | null = null;
  let timer: NodeJS.Timeout | null = null;

  function forget(run: RunId | null): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    runId = run;
  }

  /** The last line may lack its newline. */
  const lastLines = (tail: (maxBytes: number) => Buffer) =>
    tail(TAIL_BYTES)
      .toString('utf8')
      .split(/\r?\n/)
      .filter(line => line !== '')
      .slice(-LAST_LINES);

  return {
    hear(stream, bytes) {
      const lines = splitters[stream].push(bytes);
      if (lines.length === 0) return;
      succeeded ||= isSuccess(lines);
      const run = runId;
      if (timer !== null || run === null || !isDone(lines)) return;
      timer = setTimeout(() => report({ type: 'work-done', runId: run }), doneGraceMs);
    },
    fact(fact) {
      if (fact.type === 'child-exited') return forget(null);
      if (fact.type !== 'child-spawned') return;
      splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
      succeeded = false;
      forget(fact.runId);
    },
    verdict(codeIsSuccess, tail) {
      const lines = lastLines(tail);
      if (isFailure(lines)) return { success: false, why: 'one of its last lines matches --fail-at-exit' };
      if (success === null || !codeIsSuccess) return { success: null, why: null };
      if (succeeded || isSuccess(lines.slice(-1))) return { success: true, why: null };
      return { success: false, why: 'no line matched --success-pattern' };
    },
  };
}
