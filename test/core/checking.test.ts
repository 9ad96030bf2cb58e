import { describe, expect, test } from 'vitest';
import type { Rejection } from '../../src/core/events.ts';
import type { ExitCause, Policy } from '../../src/core/model.ts';
import { encoded } from '../../src/core/snapshot.ts';
import { Bench } from './bench.ts';

const tooShort: Rejection = { by: 'accept', reason: '12 words, 300 expected' };

/** A watcher whose run has just ended with that code. */
const ended = (policy: Partial<Policy> = {}, afterMs = 10, code = 0) =>
  new Bench({ checksRuns: true, ...policy }).start().dies(afterMs, { code });
const verdict = (bench: Bench, rejection: Rejection | null) =>
  bench.take({ type: 'run-checked', runId: bench.runId, rejection });
const lastCause = (bench: Bench): ExitCause | undefined => bench.state.lastExit?.cause;

describe('between the end of a run and the verdict on it', () => {
  test('what the run left is ended first, then the check begins, and nothing else starts', () => {
    const bench = new Bench({ checksRuns: true }).start();
    bench.obeys = false;
    bench.dies(10, { code: 0 });
    expect(bench.ordered('clear-run')).toBe(1);
    expect(bench.ordered('check-run')).toBe(0);
    bench.take({ type: 'run-cleared', runId: bench.runId, ended: 1 });
    expect(bench.ordered('check-run')).toBe(1);
    expect(bench.pass(3_600_000).phase).toBe('checking');
    expect(bench.ordered('spawn-child')).toBe(0);
  });

  test('the run counts for nothing yet', () => {
    const bench = ended();
    expect(bench.state).toMatchObject({ lastExit: null, crashes: [], backoffStep: 0, incident: null });
    expect(bench.told('checking')).toBe(1);
    expect(bench.told('exited')).toBe(0);
  });

  test('a failure and a run without a check are not checked', () => {
    expect(ended({}, 10, 1).phase).toBe('backoff');
    expect(ended({ checksRuns: false }).phase).toBe('backoff');
  });

  test('what the check left is ended before the next start', () => {
    const bench = ended({ backoffMs: 0 });
    bench.obeys = false;
    verdict(bench, null);
    expect(bench.ordered('clear-run')).toBe(1);
    expect(bench.ordered('spawn-child')).toBe(0);
  });
});

describe('a run that is accepted', () => {
  test.each(['never', 'on-failure'] as const)(
    'is a success: under --restart %s the watcher ends with its code',
    restart => {
      const bench = verdict(ended({ restart }), null);
      expect(lastCause(bench)).toBe('success');
      expect(bench.effects).toContainEqual({ type: 'exit-watcher', code: 0 });
    },
  );

  test('has the length and the end that it had before the check', () => {
    const bench = ended({}, 5000);
    const at = bench.wall;
    verdict(bench.pass(50_000), null);
    expect(bench.state.lastExit).toEqual({ code: 0, signal: null, at, cause: 'success', uptimeMs: 5000 });
  });
});

describe('a run that is not accepted', () => {
  test('is a crash with an incident, and the backoff grows as configured', () => {
    const bench = new Bench({ checksRuns: true }).start();
    const waits: number[] = [];
    for (let run = 0; run < 3; run++) {
      verdict(bench.dies(10, { code: 0 }), tooShort);
      expect(bench.effects).toContainEqual(
        expect.objectContaining({
          type: 'open-incident',
          incident: expect.objectContaining({ kind: 'crash', rejection: tooShort, uptimeMs: 10 }),
        }),
      );
      waits.push(bench.waitMs);
      bench.waitOut();
    }
    expect(waits).toEqual([1000, 2000, 4000]);
  });

  test('makes 1 of exit code 0 where nothing follows', () => {
    const bench = verdict(ended({ restart: 'never' }), tooShort);
    expect(bench.effects).toContainEqual({ type: 'exit-watcher', code: 1 });
  });

  test('makes 1 of a run that was stopped since its work was done', () => {
    const bench = new Bench({ checksRuns: true, restart: 'never' }).start();
    bench.take({ type: 'work-done', runId: bench.runId }).dies(10, { signal: 'SIGTERM' });
    expect(bench.phase).toBe('checking');
    expect(verdict(bench, tooShort).effects).toContainEqual({ type: 'exit-watcher', code: 1 });
  });

  test('is followed by what --on-cause says of not-accepted', () => {
    const onCause = { 'not-accepted': { kind: 'hold' } } as const;
    expect(verdict(ended({ onCause }), tooShort).phase).toBe('held');
  });

  test('in the same way as the run before takes a recovery back', () => {
    const bench = verdict(ended(), tooShort).waitOut();
    bench.dies(130_000, { code: 0 });
    expect(bench.ordered('close-incident')).toBe(0);
    verdict(bench, { ...tooShort, same: true });
    expect(bench.ordered('reopen-incident')).toBe(1);
    expect(bench.waitMs).toBe(2000);
  });
});

describe('a person', () => {
  test('ends the check with a stop; a verdict that comes later changes nothing', () => {
    const bench = ended();
    const { runId } = bench;
    bench.take({ type: 'stop-requested', by: 'command', signal: null, now: false });
    expect(bench.ordered('end-check')).toBe(1);
    expect(bench.effects).toContainEqual({ type: 'exit-watcher', code: 0 });
    expect(lastCause(bench)).toBe('stopped');
    const { state } = bench;
    expect(bench.take({ type: 'run-checked', runId, rejection: tooShort }).state).toBe(state);
  });

  test('who restarts it wants a new run, not the verdict', () => {
    const bench = ended({ restart: 'never' }).take({ type: 'restart-requested', by: 'command' });
    expect(bench.ordered('end-check')).toBe(1);
    expect(bench.phase).toBe('running');
    expect(bench.state.run).toBe(2);
  });
});

describe('a watcher that dies meanwhile', () => {
  test('leaves a run that the next one checks, and counts once', () => {
    const before = ended({}, 5000);
    const bench = new Bench({ checksRuns: true }, before.state);
    bench.mono = before.mono + 60_000;
    bench.start({ leftover: { runId: before.runId, pid: null, startTicks: null } });
    expect([bench.ordered('clear-run'), bench.ordered('check-run'), bench.ordered('spawn-child')]).toEqual([1, 1, 0]);
    expect(bench.told('orphan-found')).toBe(0);
    verdict(bench, tooShort);
    expect(bench.state).toMatchObject({ run: 1, backoffStep: 1, lastExit: { cause: 'crash', uptimeMs: 5000 } });
  });

  test.each([
    ['of another command', { newCommand: true }, true],
    ['without a check', {}, false],
  ])('leaves a success to a watcher %s, which begins its own run', (_which, given, checksRuns) => {
    const bench = new Bench({ checksRuns }, ended().state).start(given);
    expect(bench.phase).toBe('running');
    expect(bench.state.lastExit).toMatchObject({ code: 0, cause: 'success' });
  });

  test('leaves a state that an earlier version reads as a wait that is over', () => {
    const { state } = ended();
    const written = encoded({ state } as never) as { state: { phase: object } };
    expect(written.state.phase).toMatchObject({ kind: 'backoff', waitMs: 0, timer: null });
  });
});
