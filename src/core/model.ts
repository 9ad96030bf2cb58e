import type { HealthPolicy, HealthState, Reason } from './health-model.ts';
import type { Mono, Stamp, Wall } from './units.ts';

/**
 * The machine's words: what it knows (State), what it is told (Event), what it orders (Effect), what it was asked for
 * (Policy). All plain data, so that a state can be written to a file and a history replayed.
 */

/** 128 random bits in hex, new for each run: the mark by which the processes of a run are found. */
export type RunId = string & { readonly of: 'run' };
/** Identifies one arming of a timer; an older one that still fires is stale. */
export type TimerId = number & { readonly of: 'timer' };

export type Signal = NodeJS.Signals;

/** Who gets the stop signal first: the main process alone, the rest when that has ended or half of the grace is over; or the whole tree at once. */
export type StopTo = 'main' | 'tree';

/** What the user asked for, in plain numbers. Durations in ms. Source: the contract's Restart table. */
export interface Policy {
  restart: 'always' | 'on-failure' | 'never';
  backoffMs: number;
  backoffFactor: number;
  backoffMaxMs: number;
  /** Share of the wait, 0 to 1, that a roll may add to it. */
  jitter: number;
  healthyAfterMs: number;
  /** Crashes in the window that lead to a cooldown; 0: never. */
  flapThreshold: number;
  flapWindowMs: number;
  flapCooldownMs: number;
  /** Restarts in a row without a healthy run, after which it holds; null: no end. */
  maxRestarts: number | null;
  successCodes: readonly number[];
  holdCodes: readonly number[];
  onHold: 'wait' | 'exit';
  stopSignal: Signal;
  /** Whether the user named the stop signal; if not, a SIGINT to us is passed on as SIGINT. */
  stopSignalGiven: boolean;
  stopTimeoutMs: number;
  /** Sent to the child before a stop by a probe, so that it can print its stacks; null: none. */
  dumpSignal: Signal | null;
  stopTo: StopTo;
  maxRuntimeMs: number | null;
  expectDurationMs: number | null;
  /** What follows a run that ended with that category. */
  onCause: Readonly<Record<string, CauseAction>>;
  /** A named time further ahead is not believed. */
  maxWaitMs: number;
  /** There is a command that resumes the work of a run that was cut short. */
  resumes: boolean;
  /** Runs begin when a schedule says so, not when the last one has ended. */
  scheduled: boolean;
  /** A run that ended with success is one only once its output has been checked. */
  checksRuns: boolean;
  /** The probes and the kill condition. */
  health: HealthPolicy;
}

/**
 * What follows a run that ended with a cause: `restart` as after any crash, `wait` until the limit ends (`everyMs`: one try
 * each so often instead), `hold` until a reset.
 */
export type CauseAction =
  | { readonly kind: 'restart' | 'hold' }
  | { readonly kind: 'wait'; readonly everyMs: number | null };

/** How a run ended: one of the two is null. Both null: unknown (a dead watcher's run, a failed spawn). */
export interface Exit {
  code: number | null;
  signal: Signal | null;
}

/** Why a run ended, as `status --json` says it. */
export type ExitCause =
  | 'crash'
  | 'success'
  | 'stopped'
  | 'restarted'
  | 'probe'
  | 'limit'
  | 'limited'
  | 'kill-condition'
  | 'orphan';

/** The last end of a run. */
export interface LastExit extends Exit {
  at: Wall;
  cause: ExitCause;
  /** How long that run had been up. */
  uptimeMs: number;
}

/** A child that is up. */
export interface Live {
  runId: RunId;
  pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/PID/stat), which tells it from a later process of the same pid; null where unknown. */
  startTicks: number | null;
  since: Stamp;
  /** It lived for healthy-after with every critical probe green. */
  healthy: boolean;
  healthyTimer: TimerId | null;
  runtimeTimer: TimerId | null;
  health: HealthState;
  /** When its health is looked at next. */
  tickTimer: TimerId | null;
}

/** A run that has ended, as far as it matters for what follows. */
export interface EndedRun {
  runId: RunId;
  exit: Exit;
  /** When it ended. */
  at: Stamp;
  uptimeMs: number;
  healthy: boolean;
  memory: HealthState['memory'];
}

/** Why a run is being ended by us. */
export type StopCause = 'stopped' | 'restarted' | 'done' | 'probe' | 'limit' | 'kill-condition';

/** Why nothing may start until a person says so. */
export interface Hold {
  cause: 'kill-condition' | 'max-restarts' | 'hold-code' | 'unreadable';
  /** One sentence for people. */
  why: string;
  at: Wall;
}

/** Why the next start waits, by the program's own words: shown by `status --json`. */
export interface LimitWait {
  /** A category of incidents. */
  cause: string;
  /** When it ends, as the output says; null: it does not say. */
  until: Wall | null;
  /** The line that states it, redacted. */
  line: string | null;
}

/** Why a child could not be started. */
export interface SpawnFailure {
  kind: 'command-missing' | 'not-executable' | 'interpreter-missing' | 'cwd-missing' | 'other';
  /** One sentence that names the thing, and for a missing command the PATH that was searched. */
  why: string;
}

/** What is going on, each with exactly the data that exists in it. */
export type Phase =
  /** `checking`: the kill condition is read first; nothing is spawned yet. */
  | { kind: 'starting'; runId: RunId; since: Stamp; checking: boolean }
  | { kind: 'running'; live: Live }
  | {
      kind: 'stopping';
      live: Live;
      cause: StopCause;
      why: string;
      /** The probes that failed, where they are the cause. */
      reasons: readonly Reason[];
      since: Stamp;
      /** What it was asked to end with. */
      signal: Signal;
      graceTimer: TimerId;
      /** When the processes beside the main one were asked too; null: not yet. */
      restAskedAt: Mono | null;
      /** Who was sent SIGKILL; null: nobody. */
      killed: StopTo | null;
      /** It was sent the dump signal, and is asked to end when the timer fires. Missing in older state files. */
      dumping?: boolean;
    }
  /** It ended with success, and its output is checked. `code`: what the watcher ends with where the exit answered our own signal; `asked`: the check is under way, nothing else is left of the run. */
  | { kind: 'checking'; ended: EndedRun; code: number | null; asked: boolean }
  | { kind: 'backoff'; waitMs: number; since: Stamp; timer: TimerId | null }
  | { kind: 'cooldown'; waitMs: number; since: Stamp; timer: TimerId | null }
  /** Its allowance is used up, or its login refused. `startAt` is a wall time: it outlives reboots and suspends. */
  | { kind: 'limited'; limit: LimitWait; startAt: Wall; since: Stamp; timer: TimerId | null }
  /** For the schedule; `due` is null until it is known. */
  | { kind: 'waiting'; due: Wall | null; timer: TimerId | null }
  | { kind: 'held'; hold: Hold }
  | { kind: 'finished'; code: number }
  | { kind: 'stopped' };

/** The watcher is to end: with which code, since when, and how a child is (to be) stopped for it. */
export interface Leaving {
  code: number;
  since: Stamp;
  signal: Signal;
  /** No grace: a child that is still starting is killed as soon as it is up. */
  now: boolean;
  /** A person asked for it (a request, Ctrl-C), not a service manager or a shutdown. Missing in older state files. */
  byPerson?: boolean;
}

/** Processes of an ended run that are being ended, or may still have to be. */
export interface Clearing {
  runId: RunId;
  pid: number | null;
  startTicks: number | null;
  since: Stamp;
}

/** How the rest of an ended run is ended. */
export interface ClearOrder {
  clearing: Clearing;
  signal: Signal | null;
  /** Who gets the signal first, where the main process still lives, as that of a dead watcher's run may. */
  to: StopTo;
  graceMs: number;
  drain: boolean;
}

/** A process that does not end though it was told to. */
export interface Survivor {
  pid: number;
  /** A clause for people: `belongs to user 0, and the kernel refuses our signals`. */
  why: string;
}

/** Processes that cannot be ended: while there are any, nothing is started beside them. */
export interface Stuck {
  survivors: readonly Survivor[];
  since: Stamp;
}

/** Everything the machine knows. Beside the phase: what holds in every phase. */
export interface State {
  phase: Phase;
  /** Number of the current or last run, over watchers and reboots; 0 before the first. */
  run: number;
  /** Restarts that followed an exit: no scheduled run, and none that a person asked for. Missing in older state files. */
  restarts?: number;
  /** The next start was asked for by a person. */
  askedStart?: boolean;
  /** How many waits have grown since the last reset: the exponent of the next one. */
  backoffStep: number;
  /** Restarts in a row without a healthy run. */
  restartsInRow: number;
  /** Runs in a row that lived under a second. */
  shortRuns: number;
  /** Limited waits in a row without a healthy run. */
  limitsInRow: number;
  /** The next start is to resume what the last run left. */
  resumeNext: boolean;
  /** Resumed runs in a row, the one that is up included; 0 while the plain command is. */
  resumedInRow: number;
  /** Runs in a row whose login was refused. */
  refusalsInRow: number;
  /** When crashes of the flap window happened, oldest first; at most flapThreshold of them, the latest. */
  crashes: readonly Mono[];
  /** When runs that had been healthy died, within the slow loop's window, oldest first. */
  slowDeaths: readonly Mono[];
  lastExit: LastExit | null;
  /** The command under this name has been up at least once: a failed start is then a crash like any other. */
  everUp: boolean;
  /** A restart after success was explained. */
  toldSuccess: boolean;
  /** The floor under waits was explained. */
  toldFloor: boolean;
  clearing: Clearing | null;
  /** Of the run that is being ended. */
  stuck: Stuck | null;
  /** Set when a person or the system wants this watcher to end: what it ends with once nothing is left to clear. */
  leaving: Leaving | null;
  /** Since when a reader of our output has stalled; null while it flows. */
  outputBlockedSince: Stamp | null;
  /** What the log on disk had to drop, over this watcher's life, in bytes. */
  logDroppedBytes: number;
  /** The occurrence of the schedule that ran last. */
  lastDue: Wall | null;
  /** When the last incident was; open until a healthy run closes it. */
  incident: { at: Wall; open: boolean; limited: boolean; relapsed?: true } | null;
  /** The step of the backoff before the last healthy run reset it. */
  stepBefore: number;
  /** Set from a failed save to the next that succeeds: fires the next try. */
  saveTimer: TimerId | null;
  nextTimer: TimerId;
}

/** `WHEN => COMMAND`: a command of the user's for a kind of failure. A word is a category or a probe's name. */
export interface Remedy {
  readonly when:
    | { readonly kind: 'word'; readonly word: string }
    | { readonly kind: 'key-line'; readonly pattern: RegExp };
  readonly command: string;
}
