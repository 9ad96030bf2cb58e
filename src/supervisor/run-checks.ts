import type { Log } from '../child/log.ts';
import type { EndReading, Rejection } from '../core/events.ts';
import type { Verdict } from '../core/judgement.ts';
import type { EndedRun, Exit, Policy, RunId, State } from '../core/model.ts';
import type { CheckPort, Report } from '../core/ports.ts';
import { stampNow } from '../host/clock.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { Observer } from './observers/observer.ts';
import type { OutputPatterns } from './probing.ts';
import type { EndJudge } from './response/end-judge.ts';
import type { RunRecorder } from './run-recorder.ts';
import type { CheckOrder, NotificationSettings } from './watch-order.ts';

/** What checks need of the watcher. */
export interface CheckWorld {
  checks: CheckOrder;
  place: StateFolder;
  cwd: string;
  /** The child's, which names most secrets that its log may show. */
  env: Readonly<Record<string, string>>;
  notifications: NotificationSettings;
  /** How much of the output of a run is kept in memory. */
  ringBytes: number;
  /** The end of the output of the current or last run, both streams in order of arrival. */
  tail(): Buffer;
  /** The copy on disk, by the path of its newest file; null: there is none. */
  log: (Pick<Log, 'settle'> & { readonly path: string }) | null;
  state(): State;
  /** Keeps what becomes known of a run. */
  recorder: Pick<RunRecorder, 'amend'>;
  /** Tells whoever wants to know of a verdict. */
  judged: Required<Observer>['judged'];
  warn(line: string): void;
}

/** A run whose output is wanted, with as much of it as is in memory; null: the memory is of another run. */
export interface WantedOutput {
  run: number;
  inMemory: Buffer | null;
}

/** A run that has yet to prove itself. */
export interface CheckedRun extends WantedOutput {
  runId: RunId;
  healthy: boolean;
}

/** Judges runs by the rubric, as it is at that moment. */
export interface Judging {
  /** Never rejects. */
  judge(run: WantedOutput, abort: AbortSignal): Promise<Verdict>;
  /** Whether a fail of this judge may act, and in words what a verdict is worth. */
  worth(verdict: Verdict | null): { calibrated: boolean; text: string };
  /** A verdict as a line for people, and its first reason. */
  text(verdict: Verdict, worth: string): string;
  reason(verdict: Verdict): string;
}

/** Checks and judges ended runs. */
export interface RunChecks extends CheckPort, Observer {
  /** Resolves when no verdict is under way. A signal gives it up. */
  settle(): Promise<void>;
}

/** A storm of short runs must not pile up outputs in memory. */
const MOST_WAITING = 3;

/**
 * Checks runs before they count, and judges them afterwards, one at a time; a judge that may act does so before. What checks is loaded with
 * the first of them.
 */
export function createRunChecks(world: CheckWorld, report: Report): RunChecks {
  const { judge: order = null } = world.notifications;
  let current: { runId: RunId; abort: AbortController } | null = null;
  let runInMemory = 0;
  let judging: Judging | null = null;
  /** What came before the run counted. */
  let early: { run: number; verdict: Verdict } | null = null;
  const closing = new AbortController();
  let waiting = 0;
  let skipping = false;
  let work: Promise<void> = Promise.resolve();

  const inMemory = (run: number) => (run === runInMemory ? world.tail() : null);

  async function open(): Promise<Judging | null> {
    if (order === null) return null;
    judging ??= (await import('./response/acceptance.ts')).openJudging(world, order);
    return judging;
  }

  async function rejectionOf(run: CheckedRun, abort: AbortSignal): Promise<Rejection | null> {
    if (world.checks.accept !== null) {
      const rejection = await (await import('./response/acceptance.ts')).rejectionOf(world, run, abort);
      if (rejection !== null) return rejection;
    }
    const judge = order?.acts === true ? await open() : null;
    if (judge === null || !judge.worth(null).calibrated) return null;
    const verdict = await judge.judge(run, abort);
    early = { run: run.run, verdict };
    if (verdict.verdict !== 'fail' || !judge.worth(verdict).calibrated) return null;
    return { by: 'judge', reason: judge.reason(verdict) };
  }

  async function check(run: CheckedRun, abort: AbortSignal): Promise<void> {
    const rejection = await rejectionOf(run, abort);
    if (!abort.aborted) report({ type: 'run-checked', runId: run.runId, rejection });
  }

  function keep(judge: Judging, run: number, verdict: Verdict): void {
    world.recorder.amend(run, { verdict: { ...verdict } });
    const { calibrated, text } = judge.worth(verdict);
    const idle = verdict.verdict === 'fail' && order?.acts === true && !calibrated;
    world.warn(`run ${run}: the judge says ${judge.text(verdict, idle ? `--judge-acts does not act: ${text}` : text)}`);
    world.judged(run, verdict, text);
  }

  /** Beside everything else: nothing waits for it. */
  function judgeLater(run: WantedOutput): void {
    if (waiting >= MOST_WAITING) {
      if (!skipping) world.warn(`run ${run.run} is not judged, since the judge is busy with earlier ones`);
      skipping = true;
      return;
    }
    skipping = false;
    waiting++;
    work = work
      .then(open)
      .then(async judge => {
        if (judge !== null && !closing.signal.aborted) keep(judge, run.run, await judge.judge(run, closing.signal));
      })
      .catch((error: unknown) => world.warn(`run ${run.run} could not be judged: ${error}`))
      .finally(() => {
        waiting--;
      });
  }

  return {
    fact: ({ type }) => {
      if (type === 'child-spawned') runInMemory = world.state().run;
    },
    note(note) {
      if (note.kind !== 'exited' || order === null) return;
      const { run } = world.state();
      const before = early;
      early = null;
      if (before?.run === run && judging !== null) return keep(judging, run, before.verdict);
      if (note.cause === 'success') judgeLater({ run, inMemory: inMemory(run) });
    },
    check(run: number, { runId, healthy }: EndedRun) {
      const abort = new AbortController();
      current = { runId, abort };
      check({ run, runId, healthy, inMemory: inMemory(run) }, abort.signal).catch((error: unknown) => {
        if (abort.signal.aborted) return;
        // What could not be checked has not proved itself.
        const reason = `the check itself failed: ${error instanceof Error ? error.message : error}`;
        report({ type: 'run-checked', runId, rejection: { by: 'accept', reason } });
      });
    },
    end(runId) {
      if (current?.runId === runId) current.abort.abort();
    },
    async settle() {
      const giveUp = () => closing.abort();
      // A verdict is what a last run was for; of a watcher that is to stop nobody waits for one.
      if (world.state().phase.kind !== 'finished') giveUp();
      process.on('SIGTERM', giveUp).on('SIGINT', giveUp);
      while (waiting > 0) await work;
    },
  };
}

/** What it needs of the watcher. */
export interface EndReaderWorld {
  policy: Policy;
  /** The child's, which names most secrets that its log may show. */
  env: Readonly<Record<string, string>>;
  name: string;
  command: readonly string[];
  /** Where the incidents are kept. */
  incidentsFolder: string;
  notifications: NotificationSettings;
  state(): State;
  /** What lines of the user's own say; null: nothing was asked for. */
  patterns: OutputPatterns | null;
  warn(line: string): void;
}

/**
 * Reads the end of a run, and calls back with what it says: at once, but for the first that has to be read closely.
 * `tail`: the end of its output, both streams in order of arrival.
 */
export type EndReader = (
  exit: Exit,
  tail: (maxBytes: number) => Buffer,
  then: (reading: EndReading | null) => void,
) => void;

/** The name of the probe of silence. */
const SILENCE = 'stale';

const NOTHING: EndReading = { cause: null, limit: null, line: null, success: null, why: null };

/** A look at so much of the end tells whether it is worth reading closely. */
const GLANCE_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;
/** Words of limits and refused logins, and the end of a JSON event. */
const WORTH_READING =
  /limit|quota|usage|credit|balance|429|529|40[123]|throttl|too (?:many|long|large|quick|fast)|overload|log ?in|logged|sign in|auth|token|api.?key|exhaust|flood|billing|account|allowance|premium|capacity|\bcap\b|spend|budget|credential|session|subscription|expired|revoked|banned|payment|retry-after|slow ?down|context|terminal|tty|raw mode|[}\]]\s*$/i;

/**
 * Most ends say nothing about themselves, and the next start must not wait for a closer look at them. What looks closely is
 * loaded with the first end that is worth it.
 */
export function createEndReader(world: EndReaderWorld): EndReader {
  const { policy } = world;
  // Other causes than these may stand behind any words.
  const anyCause = Object.entries(policy.onCause).some(
    ([cause, { kind }]) => kind !== 'restart' && cause !== 'rate-limited' && cause !== 'auth-failed',
  );
  let judge: EndJudge | null = null;

  async function load(): Promise<EndJudge> {
    const { createEndJudge } = await import('./response/end-judge.ts');
    return createEndJudge({ ...world, anyCause });
  }

  /** An end is an end, whatever goes wrong in reading it. */
  function failed(error: unknown): null {
    world.warn(`the end of the run could not be read: ${error}`);
    return null;
  }

  /** For how long a run that was stopped for its silence had shown no sign of life; null: it was not. */
  function silentMs(): number | null {
    const { phase } = world.state();
    if (phase.kind !== 'stopping' || phase.cause !== 'probe') return null;
    if (!phase.reasons.some(({ name }) => name === SILENCE)) return null;
    const index = policy.health.probes.findIndex(({ name }) => name === SILENCE);
    const since = phase.live.health.probes[index]?.base;
    return since === undefined ? null : stampNow().mono - since;
  }

  function judged(exit: Exit, tail: (maxBytes: number) => Buffer): EndReading | null {
    try {
      return judge?.(exit, tail(READ_BYTES).toString('utf8'), silentMs()) ?? null;
    } catch (error) {
      return failed(error);
    }
  }

  return (exit, tail, tell) => {
    const silent = silentMs() !== null;
    // An end that was asked for needs no explanation, unless what was silent had said why.
    if (world.state().phase.kind !== 'running' && !silent) return tell(null);
    const told = silent
      ? null
      : (world.patterns?.verdict(exit.code !== null && policy.successCodes.includes(exit.code), tail) ?? null);
    if (told?.success === true) return tell({ ...NOTHING, success: true });
    const then = (reading: EndReading | null) =>
      tell(told?.success === false ? { ...(reading ?? NOTHING), ...told } : reading);
    const { phase, incident } = world.state();
    const tentative = phase.kind === 'running' && phase.live.healthy && incident !== null;
    if (!anyCause && !tentative && !WORTH_READING.test(tail(GLANCE_BYTES).toString('latin1'))) return then(null);
    if (judge !== null) return then(judged(exit, tail));
    load()
      .then(loaded => {
        judge = loaded;
      }, failed)
      .then(() => then(judged(exit, tail)));
  };
}
