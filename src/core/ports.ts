import type { Fact, IncidentSeed, Note } from './events.ts';
import type { ClearOrder, EndedRun, Hold, RunId, Signal, State, StopTo, TimerId } from './model.ts';
import type { Stamp, Wall } from './units.ts';

/** Where the loop gets what a pure machine must not have: time, chance, identity. */
export interface SourcePort {
  now(): Stamp;
  /** In [0, 1). */
  roll(): number;
  /** 128 fresh random bits. */
  freshRunId(): RunId;
}

/**
 * The child and its tree. Every method returns at once; what comes of it is reported as a fact: child-spawned or
 * spawn-failed once for each spawn (never from inside the call), child-exited once after child-spawned, run-cleared once for each clear.
 */
export interface ChildPort {
  /** `resume`: by the command that resumes instead. */
  spawn(run: number, runId: RunId, resume?: boolean): void;
  signalTree(runId: RunId, signal: Signal, to: StopTo): void;
  signalChild(runId: RunId, signal: Signal): void;
  /**
   * Ends what is left of an ended run: with `drain` first waits for its last words, then the signal (null: the tree has
   * had it already), after `graceMs` SIGKILL. A signalTree of that run meanwhile reaches what is left: SIGKILL ends the grace.
   * What does not end is reported as run-stuck, and waited for without end.
   */
  clear(order: ClearOrder): void;
}

/** Timers on the monotonic clock. A delay may be longer than the platform's own limit. */
export interface TimerPort {
  arm(timer: TimerId, delayMs: number): void;
  disarm(timer: TimerId): void;
}

/** What outlives the watcher. `save` reports save-finished, now or later; the latest state wins. */
export interface StorePort {
  save(state: State): void;
  /** Returns whether it is safely on disk; a hold that is not is kept in memory and tried again with each save. */
  writeHold(hold: Hold): void;
  liftHold(): void;
}

/** What checks the output of a run that ended with success. Both return at once. */
export interface CheckPort {
  /** Answered by `run-checked`, however the check goes. */
  check(run: number, ended: EndedRun): void;
  /** Ends the check of that run; it may be over. */
  end(runId: RunId): void;
}

/** The schedule, where there is one. */
export interface SchedulePort {
  /** Answered by `run-planned`. */
  plan(due: Wall | null, lastDue: Wall | null, since?: Wall): void;
}

/** The probes of the run. */
export interface ProbePort {
  /** Each of these reports once, as `probes-reported`. Before a run is up it can only be the kill condition. */
  ask(runId: RunId, names: readonly string[]): void;
}

/** What explains incidents, beside the restart and never before it. */
export interface IncidentPort {
  /** Writes down what the run that is up does at this moment, before it is stopped. */
  examine(): void;
  open(incident: IncidentSeed): void;
  close(at: Wall, proof: string): void;
  /** The incident of that time is not over, and happened once more. */
  reopen?(at: Wall): void;
}

/** The rest of the world. */
interface PublicPort {
  tell(note: Note): void;
  reportBug(what: string): void;
  exit(code: number): void;
}

/** All that a supervisor needs of its world. */
export interface World {
  source: SourcePort;
  child: ChildPort;
  checks: CheckPort;
  schedule: SchedulePort;
  probes: ProbePort;
  incidents: IncidentPort;
  timers: TimerPort;
  store: StorePort;
  public: PublicPort;
}

/** How the world tells the supervisor what happened. */
export type Report = (fact: Fact) => void;
