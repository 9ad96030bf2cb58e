import { accessSync, constants } from 'node:fs';
import type { Remedy } from '../../core/model.ts';
import { categories } from '../../incidents/incident.ts';
import type { BudgetLimit } from '../../probes/probe.ts';
import type { CauseRule, DiagnoseChoice, Kind, KindValues, Option, StdinChoice } from '../options/option.ts';
import { at, nearest, quoted, UsageError } from '../usage-error.ts';
import { readDuration, readInteger, readMoment, readNumber, readRate, readShare, readSize } from './amounts.ts';
import {
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
} from './words.ts';

// Readers of --diagnose and --remedy.

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
    throw new UsageError(`${quoted(text)} is no remedy; write 'WHEN => COMMAND', such as 'disk-full => ./clean-up.sh'`);
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
    throw new UsageError(`${quoted(text)} is no rule; write CAUSE=ACTION, such as auth-failed=hold`);
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
