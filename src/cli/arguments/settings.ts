/** The validated settings: what argv, environment and file came to. Durations are milliseconds, sizes bytes, paths absolute. */

import type { AlertKind } from '../../alerts/alert.ts';
import type { Format } from '../../alerts/formats.ts';
import type { CauseAction, StopTo } from '../../core/model.ts';
import type { ProbeSpec } from '../../probes/probe.ts';
import type { PatternOrder } from '../../supervisor/output-patterns.ts';
import type { OptionName } from '../options/index.ts';
import type { DiagnoseChoice, Remedy, StdinChoice } from '../options/option.ts';
import type { Rate } from '../values/amounts.ts';
import type { HostAndPort, MetricsSource, SecretUrl } from '../values/places.ts';
import type { RawValue } from '../values/read-value.ts';

/** What was written for each option; one that is missing has its default. */
export type RawValues = ReadonlyMap<OptionName, readonly RawValue[]>;

export interface IdentitySettings {
  readonly name: string;
  /** False: made from the command, and may get a suffix where another folder or program already has it. */
  readonly nameGiven: boolean;
  readonly stateDir: string;
  /** The child's working directory. */
  readonly cwd: string;
  /** What --env-file and --env add to the inherited environment. */
  readonly env: Readonly<Record<string, string>>;
  /** `auto`: a pipe or file is passed on, a terminal is not. */
  readonly stdin: 'auto' | StdinChoice;
}

export interface RestartSettings {
  readonly restart: 'always' | 'on-failure' | 'never';
  readonly backoffMs: number;
  readonly backoffFactor: number;
  readonly backoffMaxMs: number;
  /** A share of the wait, 0 to 1. */
  readonly jitter: number;
  readonly healthyAfterMs: number;
  readonly flapThreshold: number;
  readonly flapWindowMs: number;
  readonly flapCooldownMs: number;
  readonly maxRestarts: number | null;
  readonly successCodes: readonly number[];
  readonly holdCodes: readonly number[];
  readonly onCause: Readonly<Record<string, CauseAction>>;
  readonly maxWaitMs: number;
  readonly patterns: PatternOrder;
  readonly resumeCommand: string | null;
  readonly onHold: 'wait' | 'exit';
  readonly stopSignal: NodeJS.Signals;
  readonly stopSignalGiven: boolean;
  readonly stopTimeoutMs: number;
  readonly dumpSignal: NodeJS.Signals | null;
  readonly stopTo: StopTo;
  readonly maxRuntimeMs: number | null;
  readonly expectDurationMs: number | null;
  readonly schedule: string | null;
  /** An IANA name, or `local`. */
  readonly timezone: string;
  readonly feedLastOutput: boolean;
}

export interface HealthSettings {
  readonly probes: readonly ProbeSpec[];
  /** The general timing: what limits that are no probes of their own (the kill condition) go by. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly killWhen: string | null;
  readonly metrics: readonly MetricsSource[];
  readonly metricsMaxAgeMs: number;
  readonly killWhenBlind: boolean;
  readonly remedies: readonly Remedy[];
}

export interface OutputSettings {
  readonly quiet: boolean;
  /** Null: no copy on disk. */
  readonly log: { readonly maxBytes: number; readonly keep: number } | null;
  readonly tailLines: number;
  readonly bufferBytes: number;
}

export interface DiagnosisSettings {
  readonly diagnose: DiagnoseChoice;
  readonly model: string | null;
  readonly baseUrl: SecretUrl | null;
  readonly timeoutMs: number;
  readonly maxCalls: Rate;
  readonly keyFile: string | null;
}

export interface AlertSettings {
  readonly webhooks: readonly { readonly target: SecretUrl; readonly from: WebhookSource }[];
  readonly format: Format | null;
  readonly commands: readonly string[];
  readonly files: readonly string[];
  readonly on: readonly AlertKind[];
  readonly cooldownMs: number;
  readonly heartbeat: SecretUrl | null;
}

/** Where a webhook's address came from; one from the environment is said at start and gets no log lines. */
export type WebhookSource = 'option' | 'AGENT_WATCH_ALERT_WEBHOOK' | 'ALERT_WEBHOOK';

export interface ServiceSettings {
  readonly listen: HostAndPort | null;
  readonly listenTokenFile: string | null;
  readonly notifyReady: 'up' | 'healthy';
}

/** An option as it was given on the command line, paths made absolute: written again, it means the same anywhere. */
export interface GivenOption {
  readonly name: OptionName;
  readonly text: string;
}

export interface Settings {
  /** The command to watch: exact, never empty. */
  readonly command: readonly string[];
  /** Whether it stood on the command line, not in the file. */
  readonly commandGiven: boolean;
  readonly configFile: string | null;
  /** What the file said when it was read. */
  readonly configText: string | null;
  /** What was written for each option, flags and file together. */
  readonly written: RawValues;
  readonly given: readonly GivenOption[];
  readonly identity: IdentitySettings;
  readonly restart: RestartSettings;
  readonly health: HealthSettings;
  readonly output: OutputSettings;
  readonly diagnosis: DiagnosisSettings;
  readonly alerts: AlertSettings;
  readonly service: ServiceSettings;
}
