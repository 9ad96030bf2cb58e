import type { EndReading } from '../core/events.ts';
import { type HealthPolicy, KILL_WHEN, type Observation } from '../core/health-model.ts';
import type { RunId } from '../core/model.ts';
import type { ProbePort, Report } from '../core/ports.ts';
import { stampNow } from '../host/clock.ts';
import type { createBudgetKeeper, createRhythmKeeper } from '../probes/budget-keeper.ts';
import type { KillWhen } from '../probes/kill-when/kill-when.ts';
import type { MetricsPlace } from '../probes/kill-when/sources.ts';
import { healthPolicy, killWhenIntervalMs } from '../probes/kinds.ts';
import { createLineMatcher, createLineSplitter } from '../probes/output-feed.ts';
import type { BudgetKeeper, KeptText, ProbeSpec, ProbeWorld, RhythmKeeper } from '../probes/probe.ts';
import { createProbeRunner } from '../probes/runner.ts';
import type { Observer } from './observers/observer.ts';

/** What is to be watched beside the child's life. */
export interface HealthOrder {
  specs: readonly ProbeSpec[];
  /** Opened by the watcher, which alone can count the restarts. */
  killWhen: { open(restarts: () => number): KillWhen; maxAgeMs: number; blindTrips: boolean } | null;
  intervalMs: number;
  /** What learns or adds up over runs; null where nothing was asked of it, so that it need not be loaded. */
  createRhythm: typeof createRhythmKeeper | null;
  createBudget: typeof createBudgetKeeper | null;
  /** Where the numbers of a budget come from. */
  metrics: readonly MetricsPlace[];
  /** For a URL or a command among them. */
  timeoutMs: number;
}

/** The memory of the tree is sampled though nothing limits it: its history is evidence. */
const MEMORY_EVERY_MS = 30_000;

/** The judge's share of the order. */
export function policyOfHealth({ specs, killWhen, intervalMs }: HealthOrder): HealthPolicy {
  const kill =
    killWhen === null
      ? null
      : { intervalMs: killWhenIntervalMs(intervalMs), maxAgeMs: killWhen.maxAgeMs, blindTrips: killWhen.blindTrips };
  return healthPolicy(withMemory(specs), kill);
}

function withMemory(specs: readonly ProbeSpec[]): readonly ProbeSpec[] {
  if (specs.some(spec => spec.kind === 'memory')) return specs;
  const timing = { intervalMs: MEMORY_EVERY_MS, timeoutMs: 5000, retries: 1, startPeriodMs: 0 };
  return [...specs, { kind: 'memory', name: 'memory', severity: 'optional', maxBytes: null, ...timing }];
}

/** The probes of a watcher. */
export interface Probing extends ProbePort, Observer {
  /** What the run that is up, or has just ended, has used of each number with a budget; nothing of one that was not read. */
  metrics(): Record<string, number>;
}

/** The probes of a watcher. As an observer it learns of runs, which its probes begin and end with, and of their output. */
export function createProbing(
  order: HealthOrder,
  world: Pick<ProbeWorld, 'cwd'> & {
    env: Readonly<Record<string, string>>;
    restarts(): number;
    /** A small file of that name in the service's folder. */
    kept(file: string): KeptText;
  },
  report: Report,
): Probing {
  const reader = order.killWhen?.open(world.restarts) ?? null;
  const keepers = keepersOf(order, world);
  const runner = createProbeRunner(
    withMemory(order.specs),
    reader === null ? null : (run, members) => reader.probe(run, members),
    {
      now: stampNow,
      cwd: world.cwd,
      ...keepers.of,
      // With the run's id, so that the sweep of the run finds what a probe's command left.
      commandEnv: run => ({ ...world.env, AGENT_WATCH_RUN_ID: run.runId }),
    },
    (runId, reports) => report({ type: 'probes-reported', runId, reports }),
  );
  let up: RunId | null = null;

  /** Before a start there is no run whose probes could be asked. */
  async function checkBeforeStart(runId: RunId): Promise<void> {
    const seen: Observation = (await reader?.read(new AbortController().signal)) ?? {
      kind: 'none',
      detail: 'no condition',
    };
    report({ type: 'probes-reported', runId, reports: [{ probe: KILL_WHEN, observation: seen }] });
  }

  return {
    ask(runId, names) {
      if (up === runId) runner.ask(names);
      else void checkBeforeStart(runId);
    },
    fact(fact) {
      if (fact.type === 'child-spawned') {
        up = fact.runId;
        runner.startRun(fact);
      } else if (fact.type === 'child-exited' && fact.runId === up) {
        runner.endRun();
        up = null;
      }
    },
    hear: runner.hear,
    metrics: keepers.metrics,
    note({ kind }) {
      // A person resets the service: budgets begin anew.
      if (kind === 'reset') keepers.reset();
    },
  };
}

/** What `--stale-after auto` has learned, and what budgets have used. */
const RHYTHM_FILE = 'rhythm.json';
const BUDGET_FILE = (metric: string) => `budget-${metric}.json`;

/** One of each for all runs, made when a probe first asks for it. */
function keepersOf(
  order: HealthOrder,
  world: Pick<ProbeWorld, 'cwd'> & { env: Readonly<Record<string, string>>; kept(file: string): KeptText },
) {
  const { createRhythm, createBudget, metrics, timeoutMs } = order;
  const budgets = new Map<string, BudgetKeeper>();
  const used = new Map<string, BudgetKeeper>();
  let rhythm: RhythmKeeper | null = null;
  const of: Pick<ProbeWorld, 'rhythm' | 'budget'> = {};
  if (createRhythm !== null)
    of.rhythm = () => {
      rhythm ??= createRhythm(world.kept(RHYTHM_FILE));
      return rhythm;
    };
  if (createBudget !== null)
    of.budget = limit => {
      const key = `${limit.sum ? 'sum-' : ''}${limit.metric}-${limit.windowMs}`;
      const known = budgets.get(key);
      if (known !== undefined) return known;
      const store = world.kept(BUDGET_FILE(key));
      const keeper = createBudget(limit, {
        metrics,
        timeLimitMs: timeoutMs,
        cwd: world.cwd,
        env: world.env,
        store,
        now: stampNow,
      });
      budgets.set(key, keeper);
      used.set(limit.metric, keeper);
      return keeper;
    };
  return {
    of,
    metrics() {
      const numbers: Record<string, number> = {};
      for (const [metric, keeper] of used) if (keeper.current() > 0) numbers[metric] = keeper.current();
      return numbers;
    },
    reset() {
      for (const keeper of budgets.values()) keeper.clear();
    },
  };
}

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
