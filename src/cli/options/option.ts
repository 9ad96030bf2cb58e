/** The shape of a row of the option table, and what each kind of value is once it has been read. */
import type { SecretUrl } from '../../alerts/target.ts';
import type { CauseAction, Remedy } from '../../core/model.ts';
import type { MetricsPlace } from '../../probes/kill-when/sources.ts';
import type { BudgetLimit } from '../../probes/probe.ts';
import type { Moment, Rate } from '../values/amounts.ts';
import type { HostAndPort, Pair, PlaceAndTime, SizeAndPlace } from '../values/words.ts';

/** What a model-free or model-backed diagnosis is asked of. */
export type DiagnoseChoice =
  | { readonly kind: 'off' | 'rules' | 'anthropic' | 'openai' | 'ollama' }
  | { readonly kind: 'command'; readonly command: string };

/** `--stdin inherit|null|FILE`. */
export type StdinChoice = 'inherit' | 'null' | { readonly file: string };

/** `--on-cause CAUSE=ACTION`. */
export interface CauseRule {
  readonly cause: string;
  readonly action: CauseAction;
}

/** Each kind of value, and its type once read. Durations are milliseconds, sizes bytes. */
export interface KindValues {
  switch: boolean;
  text: string;
  duration: number;
  'time-or-auto': number | 'auto';
  moment: Moment;
  size: number;
  integer: number;
  number: number;
  share: number;
  rate: Rate;
  name: string;
  signal: NodeJS.Signals;
  codes: number[];
  choice: string;
  choices: string[];
  regex: RegExp;
  path: string;
  pair: Pair;
  'path-time': PlaceAndTime;
  'size-path': SizeAndPlace;
  'host-port': HostAndPort;
  url: string;
  'secret-url': SecretUrl;
  metrics: MetricsPlace;
  timezone: string;
  diagnose: DiagnoseChoice;
  remedy: Remedy;
  'cause-action': CauseRule;
  budget: BudgetLimit;
  stdin: StdinChoice;
}

export type Kind = keyof KindValues;
export type Section = 'general' | 'identity' | 'restart' | 'health' | 'output' | 'incidents' | 'commands';

export interface Option {
  readonly kind: Kind;
  /** One line for help, the man page and the README. */
  readonly meaning: string;
  /** What stands for the value in help; kinds have one of their own. */
  readonly placeholder?: string;
  /** As it would be written. */
  readonly default?: string;
  /** What its reader makes of `default`; here so that a start reads only what was given. */
  readonly value?: unknown;
  /** What help says of the default where it is no plain value. */
  readonly defaultNote?: string;
  readonly choices?: readonly string[];
  /** May be given more than once; values add up. */
  readonly repeat?: boolean;
  /** Bounds of an amount, both included, as they would be written. */
  readonly min?: string;
  readonly max?: string;
  /** One letter that stands for it. */
  readonly short?: string;
  /** Shown by the short --help. */
  readonly usual?: boolean;
  /** Not a key of the file. */
  readonly flagOnly?: boolean;
}

export type OptionTable = Readonly<Record<string, Option>>;

type Single<Row extends Option> = Row extends { kind: 'choice'; choices: readonly (infer Choice)[] }
  ? Choice
  : Row extends { kind: 'choices'; choices: readonly (infer Choice)[] }
    ? Choice[]
    : KindValues[Row['kind']];

/** The value of a row: a list where it may be repeated, never null where it has a default, false for a switch not given. */
export type OptionValue<Row extends Option> = Row['kind'] extends 'codes' | 'choices'
  ? Single<Row>
  : Row extends { repeat: true }
    ? Single<Row>[]
    : Row extends { kind: 'switch' } | { default: string }
      ? Single<Row>
      : Single<Row> | null;
