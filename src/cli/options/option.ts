/**
 * The shape of a row of the option table; and each kind of value: its type once it has been read, and how it is read.
 */
import { accessSync, constants, statSync } from 'node:fs';
import type { SecretUrl } from '../../alerts/target.ts';
import type { CauseAction, Remedy } from '../../core/model.ts';
import { categories } from '../../incidents/incident.ts';
import type { MetricsPlace } from '../../probes/kill-when/sources.ts';
import type { BudgetLimit } from '../../probes/probe.ts';
import { at, nearest, quoted, UsageError } from '../usage-error.ts';
import {
  type Moment,
  type Rate,
  readDuration,
  readInteger,
  readMoment,
  readNumber,
  readRate,
  readShare,
  readSize,
} from '../values/amounts.ts';
import {
  type HostAndPort,
  type Pair,
  type PlaceAndTime,
  readChoice,
  readChoices,
  readCodes,
  readHostAndPort,
  readMetricsSource,
  readName,
  readPair,
  readPath,
  readPlaceAndTime,
  readRegex,
  readSecretUrl,
  readSignal,
  readSizeAndPlace,
  readSwitch,
  readText,
  readTimezone,
  readUrl,
  type SizeAndPlace,
} from '../values/words.ts';

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

const diagnosers = ['off', 'rules', 'anthropic', 'openai', 'ollama'] as const;

/** `off`, `rules`, a provider, or `command:CMD`. */
export function readDiagnose(text: string): DiagnoseChoice {
  if (text.startsWith('command:')) {
    const command = text.slice('command:'.length);
    if (command.trim() === '') throw new UsageError('"command:" names no command; write command:CMD');
    return { kind: 'command', command };
  }
  const kind = readChoice(text, [...diagnosers, 'command:CMD'] as const);
  if (kind === 'command:CMD') return { kind: 'command', command: 'CMD' };
  return { kind };
}

/** `WHEN => COMMAND`, where WHEN is a category, a probe's name, or a /regex/ on the key line. */
export function readRemedy(text: string): Remedy {
  const match = /^\s*(?:\/(.*?)\/|([^\s/](?:.*?\S)?))\s*=>\s*(\S[\s\S]*)$/.exec(text);
  if (match === null)
    throw new UsageError(
      `invalid remedy ${quoted(text)}; write 'WHEN => COMMAND', such as 'disk-full => ./clean-up.sh'`,
    );
  const command = match[3]!.trimEnd();
  if (match[1] === undefined) return { when: { kind: 'word', word: match[2]! }, command };
  return { when: { kind: 'key-line', pattern: readRegex(match[1]) }, command };
}

/** `inherit`, `null`, or a file, which is looked for now: a prompt that is not there must not be missed at night. */
function readStdin(text: string, base: string): StdinChoice {
  if (text === 'inherit' || text === 'null') return text;
  const file = readPath(text, base);
  try {
    accessSync(file, constants.R_OK);
  } catch {
    throw new UsageError(`the file ${file} does not exist or may not be read (write inherit, null, or a file)`);
  }
  const found = statSync(file);
  if (found.isFIFO())
    throw new UsageError(`${file} is a named pipe, which only one run could read; write agent-watch … <${file}`);
  if (found.isDirectory()) throw new UsageError(`${file} is a directory`);
  return { file };
}

/** `NAME<=VALUE/TIME`, or `sum:NAME<=VALUE/TIME`. */
function readBudget(text: string): BudgetLimit {
  const match = /^\s*(sum:)?([A-Za-z_][\w.]*)\s*<=\s*\$?(\d+(?:\.\d+)?)\s*\/\s*(\S+)\s*$/.exec(text);
  const [, sum, metric, limit, time] = match ?? [];
  if (metric === undefined || time === undefined || Number(limit) <= 0)
    throw new UsageError(`${quoted(text)} is not a budget; write NAME<=VALUE/TIME, such as 'cost<=10/1d'`);
  return { metric, sum: sum !== undefined, limit: Number(limit), windowMs: readDuration(time) };
}

const causeActions = ['restart', 'wait', 'hold'] as const;

/** `CAUSE=ACTION`, where CAUSE is a category of incidents and ACTION `restart`, `wait`, `wait:TIME` or `hold`. */
function readCauseRule(text: string): CauseRule {
  const [, cause, written] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (cause === undefined || written === undefined)
    throw new UsageError(`invalid rule ${quoted(text)}; write CAUSE=ACTION, such as auth-failed=hold`);
  if (!(categories as readonly string[]).includes(cause))
    throw new UsageError(`unknown cause ${quoted(cause)}; did you mean ${nearest(cause, categories)}?`);
  if (written.startsWith('wait:')) {
    const everyMs = readDuration(written.slice('wait:'.length));
    if (everyMs < 1000) throw new UsageError(`${quoted(written)} is too short; the shortest is wait:1s`);
    return { cause, action: { kind: 'wait', everyMs } };
  }
  const kind = readChoice(written, causeActions);
  return { cause, action: kind === 'wait' ? { kind, everyMs: null } : { kind } };
}

/** A value as the user wrote it. */
export interface RawValue {
  readonly text: string;
  /** The folder that relative paths are taken from. */
  readonly base: string;
  /** What stands before a message about it: `--backoff`, or `fleet/a.yaml:3:10: backoff`. */
  readonly where: string;
  /** What a probe in the file says for itself: timing, name, severity, and the pattern that goes with it. */
  readonly own?: OwnValues;
}

type OwnKey = 'interval' | 'timeout' | 'retries' | 'start-period' | 'name' | 'severity' | 'companion';
export type OwnValues = { readonly [K in OwnKey]?: RawValue };

type Reader<K extends Kind> = (text: string, base: string, row: Option) => KindValues[K];

const readers: { readonly [K in Kind]: Reader<K> } = {
  switch: readSwitch,
  text: readText,
  duration: readDuration,
  'time-or-auto': text => (text === 'auto' ? text : readDuration(text)),
  moment: readMoment,
  size: readSize,
  integer: readInteger,
  number: readNumber,
  share: readShare,
  rate: readRate,
  name: readName,
  signal: readSignal,
  codes: readCodes,
  choice: (text, _base, row) => readChoice(text, row.choices ?? []),
  choices: (text, _base, row) => readChoices(text, row.choices ?? []),
  regex: readRegex,
  path: readPath,
  pair: readPair,
  'path-time': readPlaceAndTime,
  'size-path': readSizeAndPlace,
  'host-port': readHostAndPort,
  url: readUrl,
  'secret-url': readSecretUrl,
  metrics: readMetricsSource,
  timezone: readTimezone,
  diagnose: readDiagnose,
  remedy: readRemedy,
  'cause-action': readCauseRule,
  budget: readBudget,
  stdin: readStdin,
};

/** Reads one value by the rules of its row; a UsageError's message begins with `raw.where`. */
export function readValue(row: Option, raw: RawValue): KindValues[Kind] {
  return at(raw.where, () => {
    if (raw.text === '') throw new UsageError('the value is empty');
    const value = readers[row.kind](raw.text, raw.base, row);
    refuseOutOfBounds(row, raw, value);
    return value;
  });
}

function refuseOutOfBounds(row: Option, raw: RawValue, value: unknown): void {
  if (typeof value !== 'number') return;
  const bound = (text: string) => readers[row.kind](text, raw.base, row) as number;
  if (row.min !== undefined && value < bound(row.min))
    throw new UsageError(`${quoted(raw.text)} is too small; the smallest is ${row.min}`);
  if (row.max !== undefined && value > bound(row.max))
    throw new UsageError(`${quoted(raw.text)} is too large; the largest is ${row.max}`);
}
