import type { Outputs } from '../child/sink.ts';
import type { Policy, Remedy, State } from '../core/model.ts';
import type { Stamp } from '../core/units.ts';
import type { DiagnosisSettings } from '../diagnosis/diagnose.ts';
import type { GivenDescriptors } from '../host/inherited.ts';
import type { Schedule } from '../probes/schedule.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { IncidentAttachments, Observer } from './observers/observer.ts';
import type { HealthOrder, PatternOrder } from './probing.ts';
import type { AlertOrder } from './response/alerting.ts';

/** What is to be watched, and who is told. */
export interface WatchOrder {
  name: string;
  stateDir: string;
  command: readonly string[];
  /** Started instead of the command where a run was cut short; null: the command always is. */
  resumeCommand: string | null;
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** A file is opened anew for each run. */
  stdin: 'inherit' | 'null' | { readonly file: string };
  stdinIsTerminal: boolean;
  policy: Policy;
  health: HealthOrder;
  /** Null: it runs always. */
  schedule: Schedule | null;
  /** Whether a run reads the output of the last one. */
  feedLastOutput: boolean;
  ringBytes: number;
  /** The copy on disk; null: none. */
  log: { maxBytes: number; keep: number } | null;
  outputs: Outputs;
  /** What every run is given beside its three streams. */
  given: GivenDescriptors;
  /** How much of the end is kept in an incident, and whether the rules explain it. */
  incidents: { tailLines: number; rules: boolean };
  patterns: PatternOrder;
  checks: CheckOrder;
  notifications: NotificationSettings;
  remedies: readonly Remedy[];
  /** Who is told what happens, beside those that every watch has. */
  observers: readonly (Observer | null)[];
  /** A line for people that is no note of the machine. */
  warn(text: string): void;
  /** Something worth keeping among the events: who asked for what, which alert was sent. */
  record?(kind: 'requested' | 'alert', text: string): void;
}

/** What is asked of the output of a run that ended with success. */
export interface CheckOrder {
  /** A command line that gets it on standard input; null: none. */
  accept: string | null;
}

/** How a watch ended: it never began because the name is taken, or it is over. */
export type WatchEnd = { heldBy: number | null } | { code: number };

/** By which rubric which model judges. */
export interface JudgeOrder {
  /** Absolute. */
  rubric: string;
  model: DiagnosisSettings;
  /** A fail makes the run a failure, once the judge is calibrated. */
  acts: boolean;
}

/** Who is told and who is asked; null: nobody. */
export interface NotificationSettings {
  judge?: JudgeOrder | null;
  alerts: AlertOrder | null;
  diagnosis: DiagnosisSettings | null;
}

/** What it needs of the watcher. */
export interface NotificationWorld {
  place: StateFolder;
  policy: Policy;
  command: readonly string[];
  /** The child's, which names most secrets that its log may show. */
  env: Readonly<Record<string, string>>;
  state(): State;
  now(): Stamp;
  desk: IncidentAttachments;
  /** One line for people. */
  warn(line: string): void;
  record?(kind: 'alert', text: string): void;
}
