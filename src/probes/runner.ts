/**
 * The probes of a watcher: asked by name when the judge says so, heard when the child writes, silent when there is no run. They
 * decide nothing, and keep no time but their own limits: when to ask is the judge's business (core/health-step.ts).
 */

import { KILL_WHEN, type Observation, type ProbeReport } from '../core/health-model.ts';
import type { RunId } from '../core/model.ts';
import { timerMs } from '../core/units.ts';
import { followsTree, makeProbe, patienceMs } from './kinds.ts';
import { type Members, openMembers, SELDOM_MS } from './memory-and-cpu.ts';
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
