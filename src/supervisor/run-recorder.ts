import type { ChildProcess } from 'node:child_process';
import type { RunOutput } from '../child/block-queue.ts';
import type { OutputView } from '../child/output.ts';
import type { Note } from '../core/events.ts';
import type { Policy, RunId, State } from '../core/model.ts';
import { type RunAmendment, type RunRecord, runRecord } from '../core/run-record.ts';
import type { Stamp } from '../core/units.ts';
import { stampNow } from '../host/clock.ts';
import { statFields, TICK_MS } from '../host/read-file.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { Observer } from './observers/observer.ts';
import type { Probing } from './probing.ts';
import type { RunWriter } from './response/run-notes.ts';
import type { NotificationSettings } from './watch-order.ts';

/** What it needs of the watcher. */
export interface RunRecorderWorld {
  place: StateFolder;
  /** The state that an earlier watcher left. */
  found: { readonly state: State };
  state(): State;
  child: Pick<OutputView, 'written' | 'tail'>;
  /** Knows the numbers that the program told of itself. */
  probing: Pick<Probing, 'metrics'>;
  policy: Policy;
  notifications: NotificationSettings;
  tell(note: Note): void;
  warn(line: string): void;
}

/** Writes each run into the journal once it has ended: beside the restart and never before it. */
export interface RunRecorder extends Observer {
  /** The machine has taken over from an earlier watcher: a run that this one could not write down is written now. */
  tookOver(): void;
  /** Adds what became known of a run after its end. */
  amend(run: number, change: RunAmendment): void;
  /** Resolves when all is on disk, or after that long. */
  settle(limitMs: number): Promise<void>;
}

/** So much of the end of an output is compared with others, and read for what it cost. */
const TAIL_BYTES = 64 * 1024;
/** How long a slow disk may keep the watcher's end waiting for what came last. */
const CLOSE_MS = 500;
/** A start has other things to do first. */
const MISSED_AFTER_MS = 500;
/** The name of the probe that samples the memory of every run. */
const MEMORY = 'memory';

/** A run that is up. */
interface Started {
  runId: RunId;
  at: Stamp;
  /** Processor time of our ended children before it; null: not known. */
  childrenCpuMs: number | null;
  /** Children of the watcher so far; null: others than this run's were up already. */
  spawns: number | null;
  peakBytes: number | null;
}

/** A run of which the machine has still to say what its end meant. */
interface Ended extends Pick<RunRecord, 'cpuMs' | 'peakMemoryBytes' | 'metrics' | 'category' | 'lines' | 'bytes'> {
  startedAt: Stamp;
  output: Readonly<RunOutput>;
  tail: Buffer;
}

export function createRunRecorder(world: RunRecorderWorld): RunRecorder {
  const { place } = world;
  const children = countChildren();
  let started: Started | null = null;
  let ended: Ended | null = null;
  let work: Promise<void> = Promise.resolve();
  let waiting = 0;
  let writer: Promise<RunWriter> | null = null;
  let missed: RunRecord | null = null;

  function later(act: (writer: RunWriter) => void): void {
    writeMissed();
    waiting++;
    work = work
      .then(() => new Promise<void>(resolve => setImmediate(resolve)))
      .then(async () => {
        writer ??= import('./response/run-notes.ts').then(({ openRunWriter }) =>
          openRunWriter(place, comparesRuns(world) ? world.tell : null),
        );
        act(await writer);
      })
      .catch((error: unknown) => world.warn(`a run could not be recorded: ${error}`))
      .finally(() => {
        waiting--;
      });
  }

  function writeMissed(): void {
    const record = missed;
    missed = null;
    if (record !== null) later(open => open.writeMissed(record));
  }

  function endOf(run: Started, category: string | null): Ended {
    const cpuMs = childrenCpuMs();
    const alone = run.spawns !== null && run.spawns === children.spawns();
    const output = world.child.written;
    return {
      startedAt: run.at,
      output,
      bytes: output.bytes,
      lines: output.lines,
      cpuMs: alone ? usedMs(run.childrenCpuMs, cpuMs) : null,
      peakMemoryBytes: run.peakBytes,
      metrics: world.probing.metrics(),
      category,
      // Now: the next run begins with an empty ring.
      tail: world.child.tail(TAIL_BYTES),
    };
  }

  function write(run: Ended, note: Extract<Note, { kind: 'exited' }>, known: RunRecord): void {
    const { startedAt, output, tail, ...numbers } = run;
    const silence = Math.max(output.longestSilenceMs, startedAt.mono + note.uptimeMs - output.lastAt);
    const record = {
      ...known,
      ...numbers,
      startedAt: iso(startedAt.wall),
      firstOutputMs: output.firstAt === null ? null : Math.max(0, Math.round(output.firstAt - startedAt.mono)),
      longestSilenceMs: Math.round(Math.min(silence, note.uptimeMs)),
    };
    later(open => open.write(record, tail));
  }

  async function settle(limitMs: number): Promise<void> {
    writeMissed();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, limitMs);
    });
    const done = async () => {
      while (waiting > 0) await work;
    };
    await Promise.race([done(), late]);
    clearTimeout(timer);
  }

  return {
    fact(fact) {
      if (fact.type === 'child-spawned') {
        const { runId } = fact;
        const spawns = children.alive() > 1 ? null : children.spawns();
        started = { runId, at: stampNow(), childrenCpuMs: childrenCpuMs(), spawns, peakBytes: null };
      } else if (fact.type === 'probes-reported' && started !== null) {
        for (const { probe, observation } of fact.reports) {
          const bytes = probe === MEMORY && observation.kind === 'answer' ? observation.value : null;
          if (bytes !== null && bytes > (started.peakBytes ?? 0)) started.peakBytes = bytes;
        }
      } else if (fact.type === 'child-exited' && fact.runId === started?.runId) {
        ended = endOf(started, fact.reading?.cause ?? null);
        started = null;
      }
    },
    note(note) {
      if (note.kind === 'exited') {
        // Of a run that an earlier watcher saw the end of, the state tells.
        const record = recordOf(world.state(), note.why);
        if (ended === null) later(open => open.write(record, null));
        else write(ended, note, record);
        ended = null;
      } else if (note.kind === 'start-failed') {
        const at = iso(world.state().lastExit?.at ?? stampNow().wall);
        const { run } = world.state();
        const record = runRecord({ run, cause: 'crash', why: note.failure.why, startedAt: at, endedAt: at });
        later(open => open.write(record, null));
      }
    },
    tookOver() {
      missed = missedRun(world.found.state, world.state());
      if (missed !== null) setTimeout(writeMissed, MISSED_AFTER_MS).unref();
    },
    // What was found to be the cause of its end.
    opened: ({ id, category }, { run }) => later(open => open.amend(run, { category, incidentId: id })),
    amend: (run, change) => later(open => open.amend(run, change)),
    settle,
    close: () => settle(CLOSE_MS),
  };
}

/** Runs are held against the former ones, unless the watcher ends with its run and tells nobody. */
function comparesRuns({ policy, notifications }: RunRecorderWorld): boolean {
  const ends = policy.restart === 'never' && !policy.scheduled;
  return !ends || notifications.alerts?.on.has('unusual') === true;
}

const iso = (wall: number) => new Date(wall).toISOString();

/** The last run by what the state tells of its end. */
function recordOf({ run, lastExit }: State, why: string | null): RunRecord {
  if (lastExit === null) return runRecord({ run, cause: 'crash', why });
  const { at, uptimeMs, cause, code, signal } = lastExit;
  if (cause === 'orphan') return runRecord({ run, cause });
  const durationMs = Math.round(uptimeMs);
  return runRecord({
    run,
    cause,
    exit: { code, signal },
    why,
    startedAt: iso(at - durationMs),
    endedAt: iso(at),
    durationMs,
  });
}

/** The last run before this watcher, as far as its state tells of it: the watcher may have died before it wrote it down. */
function missedRun(before: State, after: State): RunRecord | null {
  const { phase, lastExit } = before;
  const isNews = after.lastExit !== lastExit;
  if (isNews && after.lastExit?.cause === 'orphan') {
    const since = phase.kind === 'starting' ? phase.since : 'live' in phase ? phase.live.since : null;
    // Of a start that could not be saved only the number is known.
    const run = since === null ? before.run + 1 : before.run;
    return runRecord({ run, cause: 'orphan', startedAt: since === null ? null : iso(since.wall) });
  }
  // It is told once it is checked, or has been taken for a success.
  if (phase.kind === 'checking') return isNews ? recordOf({ ...after, run: before.run }, null) : null;
  return lastExit === null || before.run === 0 ? null : recordOf(before, null);
}

/** Processor time of all our children that have ended; null where there is no /proc. */
function childrenCpuMs(): number | null {
  const fields = statFields(process.pid);
  // cutime, cstime: proc(5).
  return fields === null ? null : (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** Less than a tick of /proc's clock is not known. */
function usedMs(before: number | null, after: number | null): number | null {
  return before === null || after === null || after <= before ? null : after - before;
}

/** Tells how many children the watcher has started: with a check's command among them, their processor time is not the run's. */
function countChildren(): { spawns(): number; alive(): number } {
  let spawns = 0;
  const alive = new Set<ChildProcess>();
  const { subscribe } = process.getBuiltinModule('node:diagnostics_channel');
  subscribe('child_process', message => {
    const { process: child } = message as { process: ChildProcess };
    spawns++;
    alive.add(child);
  });
  return {
    spawns: () => spawns,
    alive() {
      for (const child of alive)
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) alive.delete(child);
      return alive.size;
    },
  };
}
