import type { ProbeReport, Reason } from './health-model.ts';
import type { Limit } from './limits.ts';
import type {
  ClearOrder,
  EndedRun,
  Exit,
  ExitCause,
  Hold,
  LimitWait,
  Phase,
  RunId,
  Signal,
  SpawnFailure,
  StopCause,
  StopTo,
  Survivor,
  TimerId,
} from './model.ts';
import type { Stamp, Wall } from './units.ts';

/** What the machine tells of itself: to people in notes, to those who explain in the seed of an incident. */

/** What kind of trouble an incident is, as `incidents --json` says it. */
export type IncidentKind = 'crash' | 'exit' | 'stalled' | 'unhealthy' | 'limit' | 'limited' | 'orphan' | 'start-failed';

/** What the machine knows of an incident when it happens; evidence and explanation are others' work. */
export interface IncidentSeed {
  at: Stamp;
  kind: IncidentKind;
  run: number;
  exit: Exit;
  cause: ExitCause;
  reasons: readonly Reason[];
  /** What went wrong in one sentence, where the machine knows. */
  why: string | null;
  /** Its output was checked, and this is wrong with it. */
  rejection?: Rejection;
  uptimeMs: number;
  memory: readonly { at: Wall; bytes: number }[];
  next: Next;
}

/** Why the output of a run that ended with success makes a failure of it. */
export interface Rejection {
  by: 'accept' | 'judge';
  /** One line, redacted. */
  reason: string;
  /** The incident before was the same. */
  same?: true;
}

/** What comes next, for a log line. */
export type Next =
  | { kind: 'restart'; number: number; inMs: number }
  | { kind: 'cooldown'; crashes: number; windowMs: number; inMs: number }
  | { kind: 'limited'; limit: LimitWait; startAt: Wall }
  | { kind: 'schedule' }
  | { kind: 'hold'; hold: Hold }
  | { kind: 'finish'; code: number }
  | { kind: 'leave' };

/** What is said to people, one line each; the words are the cli's. */
export type Note =
  | { kind: 'started'; run: number; pid: number; resumed?: true }
  | { kind: 'start-failed'; failure: SpawnFailure; next: Next }
  /** It ended with success, which its output has yet to prove. */
  | { kind: 'checking'; exit: Exit; uptimeMs: number }
  | {
      kind: 'exited';
      exit: Exit;
      cause: ExitCause;
      why: string | null;
      uptimeMs: number;
      next: Next;
    }
  | {
      kind: 'stopping';
      cause: StopCause;
      why: string;
      signal: Signal;
      graceMs: number;
    }
  /** The main process has not ended in half of its time: the rest is asked too. */
  | { kind: 'stopping-rest'; signal: Signal; pid: number }
  | { kind: 'killing'; why: string }
  | { kind: 'cannot-end'; survivors: readonly Survivor[] }
  | { kind: 'ended-at-last' }
  /** The watcher ends though these live on. */
  | { kind: 'left-behind'; survivors: readonly Survivor[] }
  | { kind: 'healthy'; uptimeMs: number; resets: boolean }
  /** A run that ended with success was not like the former ones: each reason in a sentence. */
  | { kind: 'unusual'; run: number; reasons: readonly string[] }
  /** The run ended like the one before the last incident: that one was not over. */
  | { kind: 'relapsed' }
  | { kind: 'waiting'; phase: 'backoff' | 'cooldown' | 'limited'; leftMs: number }
  | { kind: 'planned'; due: Wall }
  /** Occurrences of the schedule that fell into a limited wait. */
  | { kind: 'slots-skipped'; count: number }
  | { kind: 'held'; hold: Hold }
  | { kind: 'hold-lifted'; hold: Hold }
  | { kind: 'reset' }
  /** `background`: the command itself had ended well, as one does that puts itself in the background. */
  | { kind: 'leftovers-ended'; count: number; names: readonly string[]; orphan: boolean; background: boolean }
  | { kind: 'orphan-found'; pid: number | null }
  | { kind: 'success-restarts' }
  | { kind: 'wait-floor'; floorMs: number }
  | { kind: 'probe-warning'; name: string; detail: string }
  | { kind: 'probe-restored'; name: string; detail: string }
  | { kind: 'clock-gap'; gapMs: number }
  | { kind: 'blind'; why: string }
  | { kind: 'sees-again' }
  | { kind: 'slow-loop'; deaths: number; windowMs: number }
  | { kind: 'save-failed'; why: string }
  | { kind: 'save-recovered' }
  /** Nothing on the disk says that it is held: only this watcher keeps it from being started. */
  | { kind: 'hold-unwritten'; why: string }
  | { kind: 'hold-written' }
  | { kind: 'stopped' }
  | { kind: 'refused'; what: 'restart'; phase: Phase['kind'] };

/** What happened, in the past tense. */
export type Fact =
  /** A watcher took over this state. `hold` is what the hold file says; `newCommand`: not the command the state knows; `leftover`: what the lock's record says of a run that a dead watcher left, which outlives a state that could not be saved. */
  | {
      type: 'watcher-started';
      hold: Hold | null;
      newCommand: boolean;
      sameBoot: boolean;
      leftover: Leftover | null | 'unknown';
    }
  | {
      type: 'child-spawned';
      runId: RunId;
      pid: number;
      startTicks: number | null;
    }
  | { type: 'spawn-failed'; runId: RunId; failure: SpawnFailure }
  /** `reading`: what its last lines say of it; absent where they say nothing. */
  | { type: 'child-exited'; runId: RunId; exit: Exit; reading?: EndReading | null }
  /** The output of that run was checked; null: nothing is wrong with it. */
  | { type: 'run-checked'; runId: RunId; rejection: Rejection | null }
  /** Of that run nothing is left that we can find. How many processes had to be ended for it, and the first of them by name and pid. */
  | { type: 'run-cleared'; runId: RunId; ended: number; names?: readonly string[] }
  /** These do not end: they outlived SIGKILL, or the kernel refuses our signals to the main process. Told again when others are left. */
  | { type: 'run-stuck'; runId: RunId; survivors: readonly Survivor[] }
  | { type: 'timer-fired'; timer: TimerId }
  /** The schedule was asked: when the next run is due (null: never again), and how long to wait before it is asked again; 0: it is due. */
  | { type: 'run-planned'; due: Wall | null; waitMs: number; skipped?: number }
  | { type: 'probes-reported'; runId: RunId; reports: readonly ProbeReport[] }
  /** The run said that its work is done, and did not exit in its grace. */
  | { type: 'work-done'; runId: RunId }
  | { type: 'stop-requested'; by: Asker; signal: Signal | null; now: boolean }
  | { type: 'restart-requested'; by: Asker }
  | { type: 'reset-requested'; by: Asker }
  /** A signal for the child, and for it only. */
  | { type: 'signal-requested'; by: Asker; signal: Signal }
  | { type: 'save-finished'; ok: boolean; why: string | null }
  | {
      type: 'output-reported';
      blockedSince: Stamp | null;
      droppedBytes: number;
    };

/** What the output of a run that ended by itself says of its end. */
export interface EndReading {
  /** A category of incidents, sure enough to act on; null: none is. */
  cause: string | null;
  /** The limit that it ended with, if it is one. */
  limit: Limit | null;
  /** The line that states it, redacted. */
  line: string | null;
  /** The output itself says how it went, whatever the exit code; null: the code decides. */
  success: boolean | null;
  /** Why the output makes a failure of it, for people. */
  why: string | null;
  /** It ended like the last incident. */
  same?: true;
  /** It was stopped for its silence, and its last words name the limit whose end it waited for. */
  waited?: true;
}

/** Who asked: for the log. */
export type Asker = 'signal' | 'command';

/** A run that a dead watcher may have left. */
export interface Leftover {
  runId: RunId;
  pid: number | null;
  startTicks: number | null;
}

/** A fact with its own times, a random roll in [0, 1), and a fresh run id in case one is needed. */
export type Event = Fact & { at: Stamp; roll: number; freshRunId: RunId };

/** Orders to the world. */
export type Effect =
  /** `resume`: by the command that resumes instead. */
  | { type: 'spawn-child'; run: number; runId: RunId; resume?: true }
  /** To the main process of the run, or to its whole tree. Each process gets it once, SIGKILL each time. */
  | { type: 'signal-tree'; runId: RunId; signal: Signal; to: StopTo }
  /** To the child alone. */
  | { type: 'signal-child'; runId: RunId; signal: Signal }
  /** What the processes of the run do at this moment is to be written down, for the incident that follows. */
  | { type: 'examine-run' }
  /** Ends what an ended run left (with `drain`, first lets its last words out), then reports run-cleared. */
  | ({ type: 'clear-run' } & ClearOrder)
  /** Checks the output of an ended run, of which nothing is left; answered by run-checked. */
  | { type: 'check-run'; run: number; ended: EndedRun }
  /** Ends that check: no answer is wanted any more. */
  | { type: 'end-check'; runId: RunId }
  /** Asks the schedule (with `since`, also how many occurrences have passed since then): what comes next, or (`due`) whether what is waited for still stands. Answered by run-planned. */
  | { type: 'plan-run'; due: Wall | null; lastDue: Wall | null; since?: Wall }
  /** Each of these probes is to report once. Before a run is up it can only be the kill condition. */
  | { type: 'ask-probes'; runId: RunId; names: readonly string[] }
  /** Something happened that is worth explaining. */
  | { type: 'open-incident'; incident: IncidentSeed }
  /** The run after it has lived and every critical probe is well. */
  | { type: 'close-incident'; at: Wall; proof: string }
  /** The run after it ended in the same way: it is not over, and counts once more. */
  | { type: 'reopen-incident'; at: Wall }
  | { type: 'arm-timer'; timer: TimerId; delayMs: number }
  | { type: 'disarm-timer'; timer: TimerId }
  /** The whole state, as it stands after this event. */
  | { type: 'save-state' }
  | { type: 'write-hold'; hold: Hold }
  | { type: 'lift-hold' }
  | { type: 'tell'; note: Note }
  | { type: 'exit-watcher'; code: number }
  /** What cannot happen did: tests fail on it, production carries on. */
  | { type: 'report-bug'; what: string };
