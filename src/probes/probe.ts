import type { HealthPolicy, KillWhenPolicy, Observation, ProbePolicy, Severity } from '../core/health-model.ts';
import type { RunId } from '../core/model.ts';
import type { Mono, Stamp } from '../core/time.ts';

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
  /** Where commands run, and with what environment: the child's own, with the run's id, so that a sweep of the run finds what is left of them. */
  readonly cwd: string;
  commandEnv(run: WatchedRun): Readonly<Record<string, string>>;
}

/** One probe over one run. Made when the run is up, thrown away when it ends. */
export interface Probe {
  /** Looks, and returns what it saw. Settles soon after the abort; a rejection is a look that could not be made. */
  ask(abort: AbortSignal): Promise<Observation> | Observation;
  /** Bytes of the child, valid only during the call. */
  hearBytes?(at: Mono): void;
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

/** A late timer is no proof of a slow answer: after a stop of ours it fires before the answer is read. */
export const LATE_MS = 250;

// What the probes room is told of a probe: what it watches, and its timing. Durations in ms, sizes in bytes.

interface Basics {
  readonly name: string;
  readonly severity: Severity;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
}

export type ProbeSpec = Basics &
  (
    | { readonly kind: 'stale'; readonly afterMs: number; readonly progressPattern: RegExp | null }
    | { readonly kind: 'fail-pattern'; readonly pattern: RegExp }
    | { readonly kind: 'fresh-file'; readonly path: string; readonly maxAgeMs: number }
    | { readonly kind: 'grow'; readonly glob: string; readonly withinMs: number }
    | { readonly kind: 'http'; readonly url: string; readonly expect: RegExp | null }
    | { readonly kind: 'port'; readonly host: string; readonly port: number }
    | { readonly kind: 'check'; readonly command: string }
    /** null: only its history is kept. */
    | { readonly kind: 'memory'; readonly maxBytes: number | null }
    | { readonly kind: 'disk'; readonly minFreeBytes: number; readonly path: string }
    | {
        readonly kind: 'error-rate';
        readonly rate: { readonly count: number; readonly windowMs: number };
        readonly pattern: RegExp | null;
      }
  );

export type SpecOf<K extends ProbeSpec['kind']> = Extract<ProbeSpec, { kind: K }>;

/** Lines that count as errors where no pattern was given. */
export const ERROR_PATTERN = /\b(?:error|exception|fatal|critical|panic|traceback)\b/i;

/** Memory and disk are looked at this often, or at the interval if that is shorter. */
const SAMPLE_MS = 5000;
/** A glob may match many files: it is not walked more often than this, unless it is due. */
const GROW_LOOK_MS = 30_000;
const FILE_LOOK_MS = 10_000;
/** Its look costs nothing but the wake-up, which it shares with the heartbeat. */
const STALE_LOOK_MS = 5000;

/** What the judge needs of the probes and the kill condition. Names must be distinct. */
export function healthPolicy(specs: readonly ProbeSpec[], killWhen: KillWhenPolicy | null): HealthPolicy {
  return { probes: specs.map(policyOf), killWhen };
}

/** How often the kill condition is read, by the contract. */
export function killWhenIntervalMs(healthIntervalMs: number): number {
  return Math.min(healthIntervalMs, SAMPLE_MS);
}

function policyOf(spec: ProbeSpec): ProbePolicy {
  const { name, severity, intervalMs, retries, startPeriodMs } = spec;
  const timed = (limitMs: number, kind: 'stale' | 'fresh-file' | 'grow', lookMs: number): ProbePolicy => {
    return { way: 'timed', name, severity, kind, limitMs, startPeriodMs, lookMs };
  };
  switch (spec.kind) {
    case 'stale':
      return timed(spec.afterMs, spec.kind, Math.min(STALE_LOOK_MS, Math.max(250, spec.afterMs / 4)));
    case 'fresh-file':
      return timed(spec.maxAgeMs, spec.kind, Math.max(FILE_LOOK_MS, Math.min(60_000, spec.maxAgeMs / 10)));
    case 'grow':
      return timed(spec.withinMs, spec.kind, Math.max(GROW_LOOK_MS, Math.min(300_000, spec.withinMs / 10)));
    case 'fail-pattern':
    case 'error-rate':
      return { way: 'told', name, severity, kind: spec.kind, startPeriodMs, lookMs: intervalMs };
    case 'memory':
    case 'disk': {
      const judged = spec.kind === 'disk' || spec.maxBytes !== null;
      const sampleMs = judged ? Math.min(intervalMs, SAMPLE_MS) : intervalMs;
      return { way: 'asked', name, severity, kind: spec.kind, intervalMs: sampleMs, retries, graceMs: 0, judged };
    }
    default: {
      const graceMs = startPeriodMs + intervalMs;
      return { way: 'asked', name, severity, kind: spec.kind, intervalMs, retries, graceMs, judged: true };
    }
  }
}
