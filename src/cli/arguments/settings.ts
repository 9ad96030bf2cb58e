/** The validated settings: what argv, environment and file came to. Durations are milliseconds, sizes bytes, paths absolute. */

import type { AlertKind } from '../../alerts/alert.ts';
import type { SecretUrl, TargetSettings } from '../../alerts/target.ts';
import type { Policy, Remedy } from '../../core/model.ts';
import type { DiagnosisSettings as ProviderSettings } from '../../diagnosis/choose-provider.ts';
import type { MetricsPlace } from '../../probes/kill-when/sources.ts';
import type { ProbeSpec } from '../../probes/probe.ts';
import type { PatternOrder } from '../../supervisor/output-patterns.ts';
import type { OptionName } from '../options/index.ts';
import type { DiagnoseChoice, StdinChoice } from '../options/option.ts';
import type { HostAndPort } from '../values/places.ts';
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

/** What the machine decides by, and what else is said of runs. */
export interface RestartSettings extends Readonly<Omit<Policy, 'resumes' | 'scheduled' | 'checksRuns' | 'health'>> {
  readonly patterns: PatternOrder;
  /** Gets the output of a run that ended with success. */
  readonly accept: string | null;
  readonly resumeCommand: string | null;
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
  readonly metrics: readonly MetricsPlace[];
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

/** Who is asked about incidents; its address may still be in a file. */
export interface DiagnosisSettings extends Pick<ProviderSettings, 'model' | 'timeoutMs' | 'maxCalls' | 'keyFile'> {
  readonly diagnose: DiagnoseChoice;
  readonly url: SecretUrl | null;
}

/** The rubric (a path, absolute) and who judges by it. */
export interface JudgeSettings {
  readonly rubric: string;
  readonly model: DiagnosisSettings;
  readonly acts: boolean;
}

/** Who is told; addresses may still be in files. */
export interface AlertSettings extends TargetSettings {
  readonly on: ReadonlySet<AlertKind>;
  readonly cooldownMs: number;
  readonly heartbeat: SecretUrl | null;
}

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
  /** Null: nobody judges. */
  readonly judge: JudgeSettings | null;
  readonly alerts: AlertSettings;
  readonly service: ServiceSettings;
}
