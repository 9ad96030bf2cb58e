/**
 * The room of the watched command. From outside:
 *
 *   const outputs = openOutputs();            // sinks over our stdout and stderr; say(outputs.stderr, line) for our own lines
 *   const pipes = openPipes();                // null if there are none
 *   const child = createChild({ ... }, fact => supervisor.report(fact), note => ...);
 *
 * `child` is the supervisor's ChildPort and an OutputView: tail, tap, lastOutputAt, blockedSince, flush.
 */
import { closeSync } from 'node:fs';
import type { EndReading } from '../core/events.ts';
import type { ClearOrder, Exit, RunId, Signal, SpawnFailure, StopTo, Survivor } from '../core/model.ts';
import type { ChildPort, Report } from '../core/ports.ts';
import type { Stamp } from '../core/units.ts';
import { disableOptimizer, withRunMark } from '../host/own-process.ts';
import { signalProcess } from '../host/process-signals.ts';
import type { ProcessRow } from '../host/process-table.ts';
import { hasProc, reasonOf } from '../host/read-file.ts';
import { cleanUp, createSurvivorWatch } from './cleanup.ts';
import { attachStreams, createOutput, type Output, type OutputView } from './output.ts';
import { adopt, mainOf, membersOf, RUN_ID_VARIABLE, signalMembers } from './process-tree.ts';
import { createReader } from './reader.ts';
import type { Outputs } from './sink.ts';
import { launch, newRun, orphanRun, type Pipe, type Run, startTicksOf } from './spawn.ts';
import { explainFailure, foreignBinary } from './spawn-failure.ts';

/** What the watched command is, and where its output goes. */
export interface ChildSpec {
  /** The arguments exactly as given, the command first. No shell. */
  command: readonly string[];
  /** What resumes the work of a run that was cut short, by a shell; null: nothing does. */
  resumeCommand?: string | null;
  /** Absolute. */
  cwd: string;
  /** The whole environment but for what differs from run to run. */
  env: Readonly<Record<string, string>>;
  /** `inherit`: the first run gets our descriptor 0 if it is no terminal. Else, and later: /dev/null. */
  stdin: 'inherit' | 'null';
  stdinIsTerminal: boolean;
  /** Opens what a run is to read on its standard input instead; null: nothing. */
  feed?(): number | null;
  ringBytes: number;
  outputs: Outputs;
  /** null: Node's sockets instead, on which the child cannot open /dev/stdout. */
  pipes: readonly [Pipe, Pipe] | null;
  now(): Stamp;
  /** Reads the end of a run, whose last words have all come, before it is reported. */
  readEnd?(exit: Exit, tail: OutputView['tail'], then: (reading: EndReading | null) => void): void;
  /** Told when a stalled reader of our output has kept the child waiting for a second, and null when that is over. */
  onBlocked(since: Stamp | null): void;
  /** A session of its own, which is the default. Only a test says false. */
  detached?: boolean;
}

/** What happened that is no fact for the machine, but worth a line. */
export type ChildNote =
  /** The system does not show processes (no /proc, no ps): only the child itself can be signalled. Said once. */
  | { kind: 'no-process-table' }
  /** What is left of a run cannot be seen at this moment; it is looked again. */
  | { kind: 'unseen'; why: string };

/** The port, the output, and what is asked about the child from outside. */
export interface Child extends ChildPort, OutputView {
  /** @param runEnv what only this run is told, beside its number and id */
  spawn(run: number, runId: RunId, resume?: boolean, runEnv?: Readonly<Record<string, string>>): void;
  /** The live processes of the current run; empty if there is none. */
  members(): ProcessRow[];
  /** Stops what runs of the current run, and returns how those go on. */
  suspend(): () => void;
  /** Stops reading. For the very end. */
  close(): void;
}

/** From here on restarts are what this watcher does, and its memory counts for more than its speed. */
const MANY_SPAWNS = 20;
const TELL_UNSEEN_EVERY_MS = 60_000;
const UNSEEN_LOOK_MS = 500;

/** Builds the room. Nothing is started yet. */
export function createChild(spec: ChildSpec, report: Report, note: (note: ChildNote) => void): Child {
  const output = createOutput(spec.ringBytes, spec.outputs, spec.now, spec.onBlocked);
  const runs = new Map<RunId, Run>();
  let current: Run | null = null;
  let toldBlind = false;
  let toldUnseenAt = Number.NEGATIVE_INFINITY;
  let spawns = 0;
  let stdinGiven = spec.stdin === 'null' || spec.stdinIsTerminal;
  const outputFds = readPipes(spec, output);

  function spawn(run: number, runId: RunId, resume = false, runEnv: Readonly<Record<string, string>> = {}): void {
    const env = { ...spec.env, ...runEnv, AGENT_WATCH_RUN: String(run), [RUN_ID_VARIABLE]: runId };
    const { cwd, detached = true, resumeCommand = null } = spec;
    const command = resume && resumeCommand !== null ? ['/bin/sh', '-c', resumeCommand] : spec.command;
    output.startRun();
    if (++spawns === MANY_SPAWNS) disableOptimizer();
    const failed = (failure: SpawnFailure) => queueMicrotask(() => report({ type: 'spawn-failed', runId, failure }));
    const foreign = spawns === 1 ? foreignBinary({ command, cwd, env }) : null;
    if (foreign !== null) return failed(foreign);
    const fed = fedInput(spec);
    if (typeof fed === 'string') return failed({ kind: 'other', why: fed });
    const stdinFd = fed ?? (stdinGiven ? null : 0);
    const child = withRunMark(runId, () => launch({ command, cwd, env, stdinFd, outputFds, detached }));
    if (fed !== null) closeSync(fed);
    stdinGiven = true;
    if ('then' in child) {
      child.then(error =>
        report({ type: 'spawn-failed', runId, failure: explainFailure({ command, cwd, env }, error) }),
      );
      return;
    }
    const started = kept(newRun(runId, child, spec.now().mono));
    current = started;
    if (started.tree.startTicks === null && !toldBlind) {
      toldBlind = true;
      note({ kind: 'no-process-table' });
    }
    const { pid, startTicks } = started.tree;
    queueMicrotask(() => report({ type: 'child-spawned', runId, pid: pid ?? 0, startTicks }));
    const lastWords = child.streams === null ? null : attachStreams(child.streams, output);
    child.onExit(exit => {
      const moment = ended(started);
      if (lastWords === null) return moment(exit);
      lastWords().then(() => moment(exit));
    });
  }

  // The pid was given back to the system a moment ago. What is found now of its group and session is of this run for sure, and
  // is known by pid and start time from here on. With nothing left, what the pipes hold is all there will ever be.
  function ended(run: Run): (exit: Exit) => void {
    run.exited = true;
    run.left = seen(() => look(run, true));
    return exit => {
      seen(() => output.drain());
      let told = false;
      const tell = (reading: EndReading | null) => {
        if (told) return;
        told = true;
        report({ type: 'child-exited', runId: run.tree.runId, exit, reading });
        run.left = null;
      };
      // What its last words mean may be told later, or not at all if reading them fails.
      if (seen(() => spec.readEnd?.(exit, output.tail, tell) ?? true) === null || spec.readEnd === undefined)
        tell(null);
    };
  }

  /** Whatever cannot be seen or read at this moment, an exit is taken and a stop goes on. Null then; said once a minute. */
  function seen<T>(look: () => T): T | null {
    try {
      return look();
    } catch (error) {
      unseen(error);
      return null;
    }
  }

  function unseen(error: unknown): void {
    const now = spec.now().mono;
    if (now - toldUnseenAt < TELL_UNSEEN_EVERY_MS) return;
    toldUnseenAt = now;
    note({ kind: 'unseen', why: reasonOf(error) });
  }

  function look(run: Run, groupIsOurs: boolean): ProcessRow[] {
    const { tree } = run;
    // Not to be read when it was started; while it is not reaped, its pid means it.
    if (tree.startTicks === null && tree.pid !== null && !run.exited) adopt(tree, startTicksOf(tree.pid));
    const ageMs = run.spawnedAt === null ? null : spec.now().mono - run.spawnedAt;
    return membersOf(run.tree, { groupIsOurs, ageMs });
  }

  function kept(run: Omit<Run, 'notice'>): Run {
    const { runId } = run.tree;
    const tell = (survivors: Survivor[]) => report({ type: 'run-stuck', runId, survivors });
    const whole = { ...run, notice: createSurvivorWatch(run.tree, () => spec.now().mono, tell) };
    runs.set(runId, whole);
    return whole;
  }

  function signalTree(runId: RunId, signal: Signal, to: StopTo): void {
    const run = runs.get(runId);
    if (run === undefined) return;
    if (run.clearing !== null) return run.clearing.signal(signal);
    if (run.tree.startTicks === null && !run.exited) return run.child?.kill(signal);
    const sent = seen(() => {
      // Where no process bears a mark, one that left the group is known by its parent only, and who was seen once stays known.
      if (!hasProc) look(run, !run.exited);
      const main = to === 'main' ? mainOf(run.tree) : null;
      const members = to === 'tree' ? look(run, !run.exited) : main === null ? [] : [main];
      signalMembers(run.tree, members, signal, to === 'main');
      run.notice(signal, members);
      return true;
    });
    if (sent === null && !run.exited) run.child?.kill(signal);
  }

  function clear({ clearing, ...how }: ClearOrder): void {
    const { runId } = clearing;
    const run = runs.get(runId) ?? kept(orphanRun(runId, clearing.pid, clearing.startTicks));
    const members = run.left ?? seen(() => look(run, false));
    // Nothing may be started before it is known that nothing is left.
    if (members === null) return void setTimeout(() => clear({ clearing, ...how }), UNSEEN_LOOK_MS);
    const done = (names: readonly string[], ended: number) => {
      output.drain();
      runs.delete(runId);
      if (current === run) current = null;
      report({ type: 'run-cleared', runId, ended, names });
    };
    if (members.length === 0) return queueMicrotask(() => done([], 0));
    run.clearing = cleanUp(
      { tree: run.tree, members, ...how },
      {
        now: () => spec.now().mono,
        lastOutputAt: () => output.lastOutputAt,
        done,
        stuck: survivors => report({ type: 'run-stuck', runId, survivors }),
        unseen,
      },
    );
  }

  const port: Pick<Child, keyof ChildPort> = {
    spawn,
    signalTree,
    signalChild(runId, signal) {
      const run = runs.get(runId);
      if (run !== undefined && !run.exited) run.child?.kill(signal);
    },
    clear,
  };
  const members = () => {
    const run = current;
    return run === null ? [] : (seen(() => look(run, !run.exited)) ?? []);
  };
  const suspend = () => {
    const running = members().filter(row => !row.halted);
    for (const row of running) signalProcess(row.pid, row.startTicks, 'SIGSTOP');
    return () => {
      for (const row of running) signalProcess(row.pid, row.startTicks, 'SIGCONT');
    };
  };
  return Object.assign(output, port, { members, suspend });
}

/** The descriptor that a run reads, or why it cannot be opened: a run that misses its input must not start. */
function fedInput({ feed }: ChildSpec): number | null | string {
  try {
    return feed?.() ?? null;
  } catch (error) {
    return `its standard input cannot be opened: ${error instanceof Error ? error.message : error}`;
  }
}

// The child's own output and error are one pipe where ours are one file: only so is their order kept.
function readPipes(spec: ChildSpec, output: Output): readonly [number, number] | null {
  if (spec.pipes === null) return null;
  const [out, err] = spec.pipes;
  output.attach('stdout', (take, pass) => createReader(out.readFd, take, pass));
  if (spec.outputs.same) return [out.writeFd, out.writeFd];
  output.attach('stderr', (take, pass) => createReader(err.readFd, take, pass));
  return [out.writeFd, err.writeFd];
}
