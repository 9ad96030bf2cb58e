/**
 * Between the end of a run that looks like a success and the verdict on its output: what the run left is ended first, then its
 * output is checked, then what the check left is ended. Nothing else starts meanwhile.
 */
import type { Event } from './events.ts';
import { EXIT } from './exit-code.ts';
import { limitOutcome } from './limited.ts';
import type { EndedRun, Phase } from './model.ts';
import { ended } from './run-end.ts';
import { clear, order, type Turn } from './transition.ts';

type Checking = Extract<Phase, { kind: 'checking' }>;

/** The verdict: only now the run counts, as a success or as a failure. */
export function runChecked(turn: Turn, { runId, rejection }: Extract<Event, { type: 'run-checked' }>): void {
  const { phase } = turn.state;
  if (phase.kind !== 'checking' || !phase.asked || phase.ended.runId !== runId) return;
  const { ended: run, code } = phase;
  if (rejection === null)
    ended(turn, run, { cause: 'success', why: null, reasons: [], ...(code === null ? {} : { code }) });
  else {
    const own = code === null ? {} : { code: EXIT.notWell };
    const why = `${rejection.by === 'accept' ? 'not accepted' : 'the judge says fail'}: ${rejection.reason}`;
    const same = rejection.same === undefined ? {} : { same: rejection.same };
    const reading = { cause: 'not-accepted', limit: null, line: rejection.reason, success: false, why, ...same };
    const limit = limitOutcome(turn, reading);
    ended(turn, run, { cause: 'crash', why, reasons: [], reading, limit, rejection, ...own });
  }
  clearCheck(turn, run);
}

/** A person wants something else than the verdict. */
export function endCheck(turn: Turn, { ended: run, asked }: Checking, cause: 'stopped' | 'restarted'): void {
  if (asked) order(turn, { type: 'end-check', runId: run.runId });
  ended(turn, run, { cause, why: null, reasons: [] });
  if (asked) clearCheck(turn, run);
}

/** Its processes bear the mark of the run that they check. */
function clearCheck(turn: Turn, { runId }: EndedRun): void {
  const { stopSignal: signal, stopTimeoutMs: graceMs } = turn.policy;
  clear(turn, { runId, pid: null, startTicks: null }, { signal, graceMs, drain: false });
}
