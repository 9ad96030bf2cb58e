import type { AlertKind } from '../../alerts/alert.ts';
import type { SecretUrl, TargetSettings } from '../../alerts/target.ts';
import type { Policy, Remedy } from '../../core/model.ts';
import type { DiagnosisSettings as ProviderSettings } from '../../diagnosis/diagnose.ts';
import type { MetricsPlace } from '../../probes/kill-when/sources.ts';
import type { ProbeSpec } from '../../probes/probe.ts';
import type { PatternOrder } from '../../supervisor/probing.ts';
import type { OptionName } from '../options/index.ts';
import type { DiagnoseChoice, RawValue, StdinChoice } from '../options/option.ts';
import type { Moment } from '../values/amounts.ts';
import type { HostAndPort } from '../values/words.ts';
import type { CommandName } from './commands.ts';

/** What the text of --help is about. */
export type HelpTopic = 'usual' | 'all' | CommandName;

export type InstallFormat = 'systemd' | 'launchd' | 'crontab';
export type ServiceScope = 'user' | 'system';

interface Somewhere {
  /** The folder that holds a folder per name. */
  readonly stateDir: string;
}

interface Named extends Somewhere {
  readonly name: string;
}

/** Which services a command is about. */
export interface Selection extends Somewhere {
  /** Names and globs as they were written. None: all services, for a command that only looks. */
  readonly names: readonly string[];
  /** All services of the state folder. */
  readonly all: boolean;
  /** The services of all users, for root. */
  readonly allUsers: boolean;
  /** The folder was named on the command line: one that is not there is a mistake. */
  readonly stateDirGiven: boolean;
  /** The command, by which an unknown name may be told from something else that was meant. */
  readonly word?: string;
}

/** Services by the files that describe them. */
export interface FileSelection extends Somewhere {
  /** Files and folders, as they were written. */
  readonly paths: readonly string[];
}

interface Listing extends Selection {
  readonly json: boolean;
}

export type DiagnoseTarget =
  | { readonly kind: 'live'; readonly name: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' };

export type Invocation =
  | { readonly kind: 'watch'; readonly settings: Settings }
  | { readonly kind: 'start'; readonly settings: readonly Settings[] }
  | ({
      readonly kind: 'start-known';
      /** Options that take the place of those it had last. */
      readonly given: readonly GivenOption[];
    } & Selection)
  | ({ readonly kind: 'status'; readonly watch: boolean; readonly detailed: boolean } & Listing)
  | ({ readonly kind: 'top' } & Selection)
  | ({ readonly kind: 'health' } & Listing)
  | ({
      readonly kind: 'events';
      readonly since: Moment | null;
      readonly lines: number | null;
      readonly follow: boolean;
    } & Listing)
  | ({ readonly kind: 'brief'; readonly since: Moment | null } & Listing)
  | ({
      readonly kind: 'logs';
      /** Null: as many as the other options ask for. */
      readonly lines: number | null;
      readonly follow: boolean;
      readonly raw: boolean;
      readonly times: boolean;
      readonly since: Moment | null;
      readonly until: Moment | null;
      readonly grep: RegExp | null;
      readonly run: number | null;
      readonly around: string | null;
      readonly noEvents: boolean;
    } & Selection)
  | ({ readonly kind: 'runs'; readonly lines: number | null } & Listing)
  | ({
      readonly kind: 'run';
      readonly name: string;
      /** Null: the last one. */
      readonly run: number | null;
      /** How many lines of its output. */
      readonly lines: number | null;
    } & Listing)
  | ({
      readonly kind: 'mark';
      readonly name: string;
      readonly run: number;
      readonly mark: 'good' | 'bad';
      readonly why: string | null;
    } & Listing)
  | ({ readonly kind: 'agreement'; readonly name: string } & Listing)
  | ({ readonly kind: 'incidents'; readonly since: Moment | null } & Listing)
  | ({ readonly kind: 'incident'; readonly which: string } & Listing)
  | ({
      readonly kind: 'diagnose';
      readonly target: DiagnoseTarget;
      readonly exitCode: number | null;
      readonly exitSignal: NodeJS.Signals | null;
      readonly json: boolean;
      readonly diagnosis: DiagnosisSettings;
    } & Somewhere)
  | ({ readonly kind: 'stop'; readonly now: boolean } & Selection)
  | ({ readonly kind: 'restart'; readonly watcher: boolean } & Selection)
  | ({ readonly kind: 'reset'; readonly yes: boolean } & Selection)
  | ({ readonly kind: 'signal'; readonly signal: NodeJS.Signals } & Selection)
  | {
      readonly kind: 'install';
      readonly settings: readonly Settings[];
      readonly print: boolean;
      readonly format: InstallFormat | null;
      readonly scope: ServiceScope | null;
    }
  | ({ readonly kind: 'uninstall'; readonly scope: ServiceScope | null } & Named)
  | ({
      readonly kind: 'apply';
      readonly dryRun: boolean;
      readonly prune: boolean;
      readonly wait: boolean;
    } & FileSelection)
  | ({ readonly kind: 'down'; readonly now: boolean } & FileSelection)
  | ({ readonly kind: 'check' } & FileSelection)
  | ({ readonly kind: 'delete'; readonly yes: boolean } & Selection)
  | { readonly kind: 'init'; readonly folder: string; readonly from: string | null }
  | ({
      readonly kind: 'serve';
      readonly listen: HostAndPort;
      readonly tokenFile: string | null;
      readonly stateDirGiven: boolean;
    } & Somewhere)
  | ({ readonly kind: 'mcp'; readonly allowControl: boolean; readonly stateDirGiven: boolean } & Somewhere)
  | { readonly kind: 'schema' }
  | ({ readonly kind: 'doctor'; readonly name: string | null } & Somewhere)
  | { readonly kind: 'completion'; readonly shell: 'bash' | 'zsh' | 'fish' }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' };

// The validated settings: what argv, environment and file came to. Durations are milliseconds, sizes bytes, paths absolute.

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
