import type { Reason } from './health-model.ts';
import type { Exit, ExitCause, Hold, Phase, Signal, SpawnFailure, Stamp, StopCause, Wall } from './model.ts';

/** What the machine tells of itself: to people in notes, to those who explain in the seed of an incident. */

/** What kind of trouble an incident is, as `incidents --json` says it. */
export type IncidentKind = 'crash' | 'exit' | 'stalled' | 'unhealthy' | 'limit' | 'orphan' | 'start-failed';

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
  uptimeMs: number;
  memory: readonly { at: Wall; bytes: number }[];
  next: Next;
}

/** What comes next, for a log line. */
export type Next =
  | { kind: 'restart'; number: number; inMs: number }
  | { kind: 'cooldown'; crashes: number; windowMs: number; inMs: number }
  | { kind: 'schedule' }
  | { kind: 'hold'; hold: Hold }
  | { kind: 'finish'; code: number }
  | { kind: 'leave' };

/** What is said to people, one line each; the words are the cli's. */
export type Note =
  | { kind: 'started'; run: number; pid: number }
  | { kind: 'start-failed'; failure: SpawnFailure; next: Next }
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
  | { kind: 'killing'; why: string }
  | { kind: 'healthy'; uptimeMs: number; resets: boolean }
  | { kind: 'waiting'; phase: 'backoff' | 'cooldown'; leftMs: number }
  | { kind: 'planned'; due: Wall }
  | { kind: 'held'; hold: Hold }
  | { kind: 'hold-lifted'; hold: Hold }
  | { kind: 'reset' }
  | { kind: 'leftovers-ended'; count: number; orphan: boolean }
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
  | { kind: 'stopped' }
  | { kind: 'refused'; what: 'restart'; phase: Phase['kind'] };
