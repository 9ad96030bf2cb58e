/**
 * The probes of a watcher: asked by name when the judge says so, heard when the child writes, silent when there is no run. They
 * decide nothing, and keep no time but their own limits: when to ask is the judge's business (core/health-step.ts).
 */

import { Cron } from 'croner';
import { KILL_WHEN, type Observation, type ProbeReport } from '../core/health-model.ts';
import type { RunId } from '../core/model.ts';
import { timerMs, type Wall } from '../core/time.ts';
import { followsTree, makeProbe, patienceMs } from './kinds.ts';
import { type Members, openMembers, SELDOM_MS } from './memory.ts';
import { createOutputFeed, type OutputFeed } from './output-feed.ts';
import { answer, type Probe, type ProbeSpec, type ProbeWorld, type WatchedRun } from './probe.ts';

export interface ProbeRunner {
  /** A run is up: new probes, which know nothing of the former one. To be called before its first bytes are heard. */
  startRun(run: WatchedRun): void;
  /** Asks the probes of these names, each of which reports once. Returns at once. */
  ask(names: readonly string[]): void;
  /** Bytes of the child; valid only during the call. */
  hear(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /**
   * The run has ended: what is under way is given up, and nothing is reported any more. Its last words may still be in the pipe, and
   * may hold the number that the kill condition waits for: they are heard until the next run.
   */
  endRun(): void;
}

/** Reports that settled in the same turn of the loop come together. */
export type TakeReports = (runId: RunId, reports: readonly ProbeReport[]) => void;

/** `killWhen` makes the reader of the kill condition for a run, which may share the run's members; null: there is none. */
export function createProbeRunner(
  specs: readonly ProbeSpec[],
  killWhen: ((run: WatchedRun, members: Members) => Probe) | null,
  world: ProbeWorld,
  take: TakeReports,
): ProbeRunner {
  const hanging = new Set<string>();
  let current: RunProbes | null = null;
  return {
    startRun(run) {
      current?.close();
      current = startRun(run, specs, killWhen, world, take, hanging);
    },
    ask: names => current?.ask(names),
    hear: (stream, bytes) => current?.outputFeed.hear(stream, bytes),
    endRun: () => current?.end(),
  };
}

/** What asks the file system: a mount that hangs keeps such a question for ever, and takes a thread with it. */
const MAY_HANG: ReadonlySet<ProbeSpec['kind']> = new Set(['fresh-file', 'grow', 'disk']);

interface RunProbes {
  outputFeed: OutputFeed;
  ask(names: readonly string[]): void;
  end(): void;
  close(): void;
}

function startRun(
  run: WatchedRun,
  specs: readonly ProbeSpec[],
  killWhen: ((run: WatchedRun, members: Members) => Probe) | null,
  world: ProbeWorld,
  take: TakeReports,
  hanging: Set<string>,
): RunProbes {
  const over = new AbortController();
  const underWay = new Set<string>();
  const isJudged = killWhen !== null || specs.some(followsTree);
  const members = isJudged ? openMembers(run) : openMembers(run, SELDOM_MS);
  let settled: ProbeReport[] = [];

  function report(probe: string, observation: Observation): void {
    if (over.signal.aborted) return;
    if (settled.length === 0) setImmediate(deliver);
    settled.push({ probe, observation });
  }

  function deliver(): void {
    const reports = settled;
    settled = [];
    if (!over.signal.aborted && reports.length > 0) take(run.runId, reports);
  }

  const probes = new Map<string, { probe: Probe; limitMs: number; late: Late; underWay: Set<string> }>();
  for (const spec of specs) {
    const speakUp = (observation: Observation) => report(spec.name, observation);
    const probe = makeProbe(spec, { run, world, members, speakUp });
    // One walk of a tree at a time, whatever runs begin and end meanwhile.
    const asked = MAY_HANG.has(spec.kind) ? hanging : underWay;
    probes.set(spec.name, { probe, limitMs: patienceMs(spec), late: lateOf(spec), underWay: asked });
  }
  if (killWhen !== null)
    probes.set(KILL_WHEN, { probe: killWhen(run, members), limitMs: patienceMs(null), late: unknown, underWay });

  function askOne(name: string): void {
    const found = probes.get(name);
    if (found === undefined) return;
    // It was given up but never settled: a file system that hangs is not asked again until it has answered.
    if (found.underWay.has(name)) return report(name, found.late('has not answered yet'));
    found.underWay.add(name);
    void patient(found, over.signal, () => found.underWay.delete(name)).then(seen => report(name, seen));
  }

  const outputFeed = createOutputFeed(
    [...probes.values()].map(({ probe }) => probe),
    () => world.now().mono,
  );
  return {
    outputFeed,
    ask: names => {
      if (!over.signal.aborted) for (const name of names) askOne(name);
    },
    end() {
      if (over.signal.aborted) return;
      outputFeed.flush();
      deliver();
      over.abort();
      members.close();
      for (const { probe } of probes.values()) probe.close?.();
    },
    close() {
      this.end();
      outputFeed.flush();
    },
  };
}

/** What it means that a probe gave no answer. */
type Late = (detail: string) => Observation;
const unknown: Late = detail => ({ kind: 'none', detail });

/** A disk that does not even say how full it is takes nothing either; the others have a time of their own that goes on. */
function lateOf(spec: ProbeSpec): Late {
  return spec.kind === 'disk' ? detail => answer(false, `${spec.path} ${detail}`) : unknown;
}

// One that never settles must not keep its name from being reported, nor an error stop the others.
function patient(
  { probe, limitMs, late }: { probe: Probe; limitMs: number; late: Late },
  run: AbortSignal,
  settled: () => void,
): Promise<Observation> {
  let asked: Promise<Observation> | Observation;
  try {
    asked = probe.ask(run);
  } catch (error) {
    asked = Promise.reject(error);
  }
  if (!(asked instanceof Promise)) {
    settled();
    return Promise.resolve(asked);
  }
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(late('has not answered in time')), timerMs(limitMs));
    const done = (seen: Observation) => {
      clearTimeout(timer);
      settled();
      resolve(seen);
    };
    asked.then(done, (error: unknown) =>
      done({ kind: 'none', detail: error instanceof Error ? error.message : String(error) }),
    );
  });
}

// When a schedule is due. Plugged in: parseSchedule once, before anything starts; `nextDue` when a run has ended, or at the start of a
// watcher that was not waiting; while waiting, arm the timer for `waitMs`, then take `revisedDue`, and run if that is not after now.

/** A schedule in its time zone. */
export interface Schedule {
  readonly written: string;
  /** The first occurrence after that moment; null: never again. */
  nextAfter(at: Wall): Wall | null;
}

/**
 * Reads a cron expression: five fields, six with seconds first, or @daily and the like. `timezone` is an IANA name or `local`.
 * Returns it, or in one line what is wrong with it. Where the clock is set forward, what falls into the gap runs once right after
 * it; where it is set back, what has a fixed hour runs once.
 */
export function parseSchedule(written: string, timezone: string): Schedule | string {
  try {
    const options = { paused: true, ...(timezone === 'local' ? {} : { timezone }) };
    const cron = new Cron(written, options);
    const nextAfter = (at: Wall) => (cron.nextRun(new Date(at))?.getTime() ?? null) as Wall | null;
    return cron.nextRun() === null ? 'it never comes' : { written, nextAfter };
  } catch (error) {
    const said = (error instanceof Error ? error.message : String(error))
      .replace(/^(?:CronPattern|Cron): /, '')
      .split('\n')[0]!;
    return `it is no cron expression: ${said}; write one such as "0 3 * * *" (minute hour day month weekday)`;
  }
}

/** A clock set back further than this was wrong before: what it ran then does not count. */
const CLOCK_STEP_MS = 3_600_000;
/** A sleeping machine stops our timers, and a clock may be set: while waiting we look at it this often. */
const LOOK_EVERY_MS = 60_000;

/**
 * The next occurrence. Those that passed meanwhile, during a run, are left out: runs never overlap. `lastDue` is the occurrence that
 * ran last, null if none did: a clock that is set back a little does not run it again.
 */
export function nextDue(schedule: Schedule, lastDue: Wall | null, now: Wall): Wall | null {
  const ranAhead = lastDue !== null && lastDue > now && lastDue - now <= CLOCK_STEP_MS;
  return schedule.nextAfter(ranAhead ? lastDue : now);
}

/**
 * What is waited for, looked at again. Once passed it stays, so that what was missed while the machine slept, however often, runs once,
 * when it wakes. One that a wrong clock put far into the future comes nearer when that is set right.
 */
export function revisedDue(schedule: Schedule, due: Wall, lastDue: Wall | null, now: Wall): Wall {
  if (due <= now) return due;
  const next = nextDue(schedule, lastDue, now);
  return next === null ? due : (Math.min(due, next) as Wall);
}

/** How long to wait until the next look, in ms; 0: it is due. */
export function waitMs(due: Wall, now: Wall): number {
  return Math.max(0, Math.min(due - now, LOOK_EVERY_MS));
}
