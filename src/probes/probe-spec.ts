/** What the probes room is told of a probe: what it watches, and its timing. Durations in ms, sizes in bytes. */
import type { HealthPolicy, KillWhenPolicy, ProbePolicy, Severity } from '../core/health-model.ts';

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
