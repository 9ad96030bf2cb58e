/**
 * The words of health: what was asked for (HealthPolicy), what is known of a run (HealthState), what probes saw
 * (Observation), and what follows from it (Verdict). Plain data, like the machine's own model.
 */
import type { Mono, Stamp, Wall } from './units.ts';

export type Severity = 'critical' | 'optional';

/** How a probe is judged. Durations in ms. */
export type ProbeJudging =
  /** It is asked a question and judged by failures in a row. */
  | {
      readonly way: 'asked';
      readonly intervalMs: number;
      readonly retries: number;
      /** Grace period after a start in which failures are ignored; ends at the first success. */
      readonly graceMs: number;
      /** Shown and judged; false: only its numbers are kept. */
      readonly judged: boolean;
      /** Its numbers are the memory history of the run. */
      readonly isMemory: boolean;
    }
  /** It looks for progress and is judged once, when a time of its own has passed without any. */
  | {
      readonly way: 'timed';
      readonly watches: 'output' | 'file' | 'artifacts';
      readonly limitMs: number;
      readonly startPeriodMs: number;
      /** How often it looks while nothing is due. */
      readonly lookMs: number;
      /** The first progress of a run is all that is asked. */
      readonly once?: true;
    }
  /** It listens to the output and speaks up by itself. */
  | {
      readonly way: 'told';
      /** What it told of once stays so for the run, and counts from the start on. */
      readonly lasts: boolean;
      readonly startPeriodMs: number;
      readonly lookMs: number;
    };

/** One probe, as the judge needs it. */
export type ProbePolicy = {
  readonly name: string;
  /** The name of its kind, for those who explain. The machine goes by the traits. */
  readonly kind: string;
  readonly severity: Severity;
  /** The cause of an exit that it forces: a limit was exceeded, or a probe failed. */
  readonly endsAs: 'probe' | 'limit' | 'budget';
  /** What it says of itself quotes neither the output, an answer nor a command, so that an alert may carry it. */
  readonly ownWords: boolean;
} & ProbeJudging;

/** The kill condition, as the judge needs it. */
export interface KillWhenPolicy {
  readonly intervalMs: number;
  /** How long after a start the output need not have given its numbers yet. */
  readonly maxAgeMs: number;
  readonly blindTrips: boolean;
}

export interface HealthPolicy {
  readonly probes: readonly ProbePolicy[];
  readonly killWhen: KillWhenPolicy | null;
}

/** What a look at a file or a glob found, kept to be compared with the next. */
export interface Seen {
  at: Stamp;
  /** Newest modification time; null: no such file. */
  mtime: Wall | null;
  count: number;
  bytes: number;
}

/** What is known of one probe in this run. */
export interface ProbeState {
  /** null: not known yet. */
  ok: boolean | null;
  /** Since when it is so. */
  since: Stamp;
  detail: string;
  /** The last number it gave, if it gives any. */
  value: number | null;
  /** In a row. */
  failures: number;
  /** It succeeded once: its start period is over. */
  settled: boolean;
  /** When the question under way was asked; null: none is. */
  askedAt: Mono | null;
  /** The question under way was asked before a gap: a failure says nothing. */
  askedBeforeGap: boolean;
  nextAt: Mono;
  /** Timed ones: since when they wait for progress. The kill condition: when it was last read. */
  base: Mono;
  /** Timed ones: overdue at the last look. One more look must confirm it. */
  suspect: boolean;
  seen: Seen | null;
}

/** A point of the memory history: total bytes of the tree. */
export interface MemoryPoint {
  at: Wall;
  bytes: number;
}

/** What is known of the health of one run. Monotonic times in it are never carried over: each run starts afresh. */
export interface HealthState {
  startedAt: Stamp;
  /** In the policy's order. */
  probes: readonly ProbeState[];
  killWhen: ProbeState | null;
  lastTickAt: Mono;
  /** When the next tick is due; null: nothing to watch. */
  nextTickAt: Mono | null;
  /** A stalled reader holds the child's output up. */
  outputBlocked: boolean;
  /** Why this run is to be ended: every critical probe that failed, in order. Never emptied within a run. */
  reasons: readonly Reason[];
  /** Every critical probe is known to be well. */
  green: boolean;
  memory: readonly MemoryPoint[];
}

/** Why a probe is unhealthy. */
export interface Reason {
  name: string;
  detail: string;
  severity: Severity;
}

/** What a probe saw. `none`: it could not look, and that is no proof of anything. */
export type Observation =
  | { kind: 'answer'; ok: boolean; detail: string; value: number | null }
  | { kind: 'none'; detail: string }
  /** `learned`: the limit as the probe knows it by now, infinite where it cannot judge, and a clause about it. */
  | { kind: 'progress'; at: Mono | null; detail: string; learned?: { limitMs: number; words: string } }
  | { kind: 'file'; mtime: Wall | null }
  | { kind: 'artifacts'; count: number; bytes: number; newest: Wall | null }
  | { kind: 'condition'; result: 'clear' | 'tripped' | 'blind'; notYet: boolean; why: string };

export interface ProbeReport {
  probe: string;
  observation: Observation;
}

/** What can happen to the health of a run. */
export type HealthFact =
  | { type: 'tick' }
  /** Reports that came in the same moment are judged in the same decision. */
  | { type: 'probes-reported'; reports: readonly ProbeReport[] }
  | { type: 'output-blocked'; blocked: boolean };

/** What follows. */
export type Verdict =
  /** End this run: all reasons so far. Comes again, longer, when another critical probe fails before the run's end. */
  | { kind: 'unhealthy'; reasons: readonly Reason[] }
  /** An optional probe fails: tell, and leave the run alone. */
  | { kind: 'warning'; reason: Reason }
  /** A probe that had failed is passing again. */
  | { kind: 'restored'; name: string; detail: string }
  /** Every critical probe is well, for the first time or again. */
  | { kind: 'green' }
  /** The machine was suspended or the watcher starved for this long; this time does not count against probes. */
  | { kind: 'clock-gap'; gapMs: number }
  /** The kill condition came true: hold. */
  | { kind: 'tripped'; why: string }
  | { kind: 'blind'; why: string }
  | { kind: 'sees-again' };

/** The name of the kill condition's row. */
export const KILL_WHEN = 'kill-when';

/** A row of `health` in `status --json`. */
export interface HealthRow {
  name: string;
  /** null: not known yet. */
  ok: boolean | null;
  severity: Severity;
  detail: string;
  /** RFC 3339: since when it is so. */
  since: string;
}

/** What to say of each probe of a run, in the order they were given, the kill condition last. */
export function healthRows(policy: HealthPolicy, state: HealthState, iso: (wall: number) => string): HealthRow[] {
  const row = (name: string, severity: Severity, probe: ProbeState): HealthRow => {
    return { name, ok: probe.ok, severity, detail: probe.detail, since: iso(probe.since.wall) };
  };
  const rows = policy.probes.flatMap((probe, index) =>
    probe.way === 'asked' && !probe.judged ? [] : [row(probe.name, probe.severity, state.probes[index]!)],
  );
  if (state.killWhen !== null) rows.push(row(KILL_WHEN, 'critical', state.killWhen));
  return rows;
}

/** One sentence that proves the recovery of a run that is green: every critical probe, and what it saw. */
export function recoveryProof(policy: HealthPolicy, state: HealthState, upText: string): string {
  const seen = policy.probes.flatMap((probe, index) => {
    const { ok, detail } = state.probes[index]!;
    const counts = probe.severity === 'critical' && (probe.way !== 'asked' || probe.judged) && ok === true;
    return counts ? [`${probe.name}: ${detail}`] : [];
  });
  return [`up for ${upText}`, ...seen].join('; ');
}

/** The tree's memory at the last sample, in bytes; null before the first. */
export function memoryOf(state: HealthState): number | null {
  return state.memory.at(-1)?.bytes ?? null;
}
