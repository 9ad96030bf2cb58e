import type { Observation, Severity } from '../core/health-model.ts';
import type { RunId } from '../core/model.ts';
import type { Mono, Stamp, Wall } from '../core/units.ts';

/** The run that is being watched. */
export interface WatchedRun {
  readonly runId: RunId;
  readonly pid: number;
  /** null where the system does not tell. */
  readonly startTicks: number | null;
}

/** What a probe has of the world. */
export interface ProbeWorld {
  now(): Stamp;
  /** What was used of a budget; one of each name for all runs. */
  budget?: (budget: BudgetLimit) => BudgetKeeper;
  /** What is learned of the output's rhythm; one for all runs. */
  rhythm?: () => RhythmKeeper;
  /** Where commands run, and with what environment: the child's own, with the run's id, so that a sweep of the run finds what is left of them. */
  readonly cwd: string;
  commandEnv(run: WatchedRun): Readonly<Record<string, string>>;
}

/** One probe over one run. Made when the run is up, thrown away when it ends. */
export interface Probe {
  /** Looks, and returns what it saw. Settles soon after the abort; a rejection is a look that could not be made. */
  ask(abort: AbortSignal): Promise<Observation> | Observation;
  /** The child wrote something that is more than a redraw. */
  hearOutput?(at: Mono): void;
  /** Lines of the child, in order. */
  hearLines?(lines: readonly string[], at: Mono): void;
  /** The run is over: gives back what it holds open. */
  close?(): void;
}

/** How a listening probe speaks up by itself. */
export type SpeakUp = (observation: Observation) => void;

export function answer(ok: boolean, detail: string, value: number | null = null): Observation {
  return { kind: 'answer', ok, detail, value };
}

/** Of an answer or a line so much is quoted: it is cleaned of secrets, and cut to what is shown, on its way to the machine. */
export const QUOTED_CHARS = 2000;

/** A late timer is no proof of a slow answer: after we were stopped it fires before the answer is read. */
export const LATE_MS = 250;

/** What all probes have: name, severity, and timing for those that ask. Durations in ms. */
export interface ProbeBasics {
  readonly name: string;
  readonly severity: Severity;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
}

/** What each kind of probe watches. Sizes in bytes. */
interface ProbeSubjects {
  stale: {
    readonly afterMs: number;
    readonly progressPattern: RegExp | null;
    /** What counts: the silence alone, or only while its processes are idle too. */
    readonly when: 'silent' | 'idle';
    /** It alerts before the other of its pair restarts. */
    readonly early?: true;
  };
  /** The limit is learned; it alerts at it, and restarts at twice of it. */
  rhythm: { readonly stage: 'alert' | 'restart'; readonly progressPattern: RegExp | null };
  repeats: { readonly rate: { readonly count: number; readonly windowMs: number } };
  /** At four fifths of it one alerts, at the whole the other stops the run. */
  budget: { readonly stage: 'alert' | 'stop'; readonly budget: BudgetLimit };
  'first-output': { readonly withinMs: number };
  'fail-pattern': { readonly pattern: RegExp };
  'fresh-file': { readonly path: string; readonly maxAgeMs: number };
  grow: { readonly glob: string; readonly withinMs: number };
  /** `caFile`: certificates of an authority that is believed beside the known ones. */
  http: { readonly url: string; readonly expect: RegExp | null; readonly caFile: string | null };
  port: { readonly host: string; readonly port: number };
  check: { readonly command: string };
  /** null: only its history is kept. */
  memory: { readonly maxBytes: number | null };
  /** Of one core; longer than that above it. */
  cpu: { readonly maxPercent: number; readonly forMs: number };
  disk: { readonly minFreeBytes: number; readonly path: string };
  'error-rate': {
    readonly rate: { readonly count: number; readonly windowMs: number };
    readonly pattern: RegExp | null;
  };
}

export type ProbeKind = keyof ProbeSubjects;
/** What a probe watches, without what all probes have. */
export type ProbeSubject = { [K in ProbeKind]: { readonly kind: K } & ProbeSubjects[K] }[ProbeKind];
/** A probe as it was asked for. */
export type ProbeSpec = ProbeBasics & ProbeSubject;
export type SpecOf<K extends ProbeKind> = ProbeBasics & { readonly kind: K } & ProbeSubjects[K];

/** Lines that count as errors where no pattern was given. */
export const ERROR_PATTERN = /\b(?:error|exception|fatal|critical|panic|traceback)\b/i;

/** An early stage alerts at this part of the limit. */
const EARLY_PART = 0.8;

/** When a probe for silence is judged. */
export function silenceLimitMs({ afterMs, early }: SpecOf<'stale'>): number {
  return early ? EARLY_PART * afterMs : afterMs;
}

/** How often the processes of a silent run are looked at, once half of its limit has passed. */
export function idleLookMs(limitMs: number): number {
  return Math.max(250, Math.min(30_000, limitMs / 20));
}

// What outlives runs: the rhythm of the output, and what budgets have used.

/** A small text that is kept between watchers. */
export interface KeptText {
  /** What was kept; null: nothing, or it cannot be read. */
  read(): string | null;
  write(text: string): void;
}

export interface RhythmKeeper {
  /** A run is up: its first output ends no silence. */
  startRun(): void;
  /** The child wrote. */
  heard(at: Mono): void;
  /** The present limit in ms, doubled for each restart in a row that cured nothing; infinite: silence is not judged. */
  limitMs(): number;
  /** The run is about to be restarted for its silence. */
  expired(): void;
  /** What is known, for `status`. */
  words(): string;
  endRun(): void;
}

/** What may be used of which number in what time. */
export interface BudgetLimit {
  readonly metric: string;
  /** Each line's number is added; else the last one of a run is the run's. */
  readonly sum: boolean;
  readonly limit: number;
  readonly windowMs: number;
}

export interface BudgetKeeper {
  startRun(): void;
  hear(lines: readonly string[]): void;
  /** Reads files, addresses and commands. */
  look(abort: AbortSignal): Promise<void>;
  endRun(): void;
  /** What the present run has used of it. */
  current(): number;
  /** Nothing was used. */
  clear(): void;
  /** What is used, and when the window will have moved on far enough; null: there is some left. */
  view(): { used: number; until: Wall | null; words: string };
}
