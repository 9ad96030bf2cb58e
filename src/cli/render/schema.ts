/** The JSON Schema of the configuration file, from the option table: what an editor completes and checks. */

import { commandNames, commandRow } from '../arguments/commands.ts';
import { type ProbeOption, probeOptionRow } from '../options/health.ts';
import { fileKeys, type OptionName, optionRow, sections } from '../options/index.ts';
import type { Kind, Option, Section } from '../options/option.ts';
import { flagText, meaningText, sectionTitles } from './help.ts';
import { print } from './terminal.ts';

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
const duration = '^(?:\\d+(?:\\.\\d+)?(?:ms|[smhd]))+$';
const size = '\\d+(?:\\.\\d+)?(?:[bB]|[kKmMgGtT](?:i?[bB])?)';

/** What each kind of value looks like in YAML. Where a reader takes more than a pattern can say, it is any text. */
const kinds: Readonly<Record<Kind, Schema>> = {
  switch: { type: 'boolean' },
  text,
  duration: { type: 'string', pattern: duration, examples: ['500ms', '30s', '20m', '8h', '2d'] },
  'time-or-auto': { type: 'string', pattern: `${duration}|^auto$`, examples: ['20m', 'auto'] },
  moment: text,
  size: { type: 'string', pattern: `^${size}$`, examples: ['64K', '10M', '2G'] },
  integer: { type: 'integer', minimum: 0 },
  number: { type: 'number' },
  share: { type: 'number', minimum: 0, maximum: 1 },
  rate: { type: 'string', pattern: '^\\d+/', examples: ['50/1h'] },
  name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' },
  signal: { type: ['string', 'integer'], examples: ['SIGTERM', 'SIGINT'] },
  codes: { type: ['integer', 'string'], minimum: 0, maximum: 255, pattern: '^\\s*\\d+(?:\\s*,\\s*\\d+)*\\s*$' },
  choice: text,
  choices: text,
  regex: { ...text, format: 'regex' },
  path: text,
  pair: { type: 'string', pattern: '^[^=]+=' },
  'path-time': { type: 'string', pattern: '^.+=' },
  'size-path': { type: 'string', pattern: `^${size}(?:=.+)?$` },
  'host-port': { type: ['string', 'integer'], examples: [8080, 'localhost:8080'] },
  url: { type: 'string', pattern: '^[hH][tT][tT][pP][sS]?://' },
  'secret-url': { ...text, description: 'an address, or @FILE with the address in it' },
  metrics: text,
  timezone: text,
  diagnose: text,
  remedy: { type: 'string', pattern: '=>' },
  stdin: text,
  budget: { type: 'string', pattern: '<=.+/', examples: ['cost<=10/1d', 'sum:tokens<=2000000/1d'] },
  'cause-action': {
    type: 'string',
    pattern: '^[a-z-]+=(?:restart|hold|wait(?::.+)?)$',
    examples: ['rate-limited=wait', 'auth-failed=hold'],
  },
};

/** The whole schema, ready to be printed. */
export function serviceSchema(): Schema {
  const options = fileKeys.map((name): [string, Schema] => [name, ofOption(name)]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'agent-watch service',
    description:
      'One service: a command, and how agent-watch supervises it. Every key but "command" is also an option.',
    type: 'object',
    properties: {
      command: {
        description: 'the command to run: the program and its arguments, one item each; no shell',
        type: 'array',
        minItems: 1,
        items: { type: ['string', 'number', 'boolean'] },
      },
      ...Object.fromEntries(options),
    },
    additionalProperties: false,
  };
}

function ofOption(name: OptionName): Schema {
  const row = optionRow(name);
  const single = withProbe(name, ofValue(row));
  const many = row.repeat ? { anyOf: [...alternatives(single), { type: 'array', items: single }] } : single;
  const value = name === 'env' ? { anyOf: [environment, ...alternatives(many)] } : many;
  const { default: fallback, defaultNote } = row;
  const note = defaultNote ?? fallback;
  return { description: note === undefined ? row.meaning : `${row.meaning} (default: ${note})`, ...value };
}

const alternatives = (schema: Schema): Schema[] =>
  Array.isArray(schema['anyOf']) ? (schema['anyOf'] as Schema[]) : [schema];

const environment: Schema = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
};

function ofValue(row: Option): Schema {
  if (row.kind === 'choice') return { enum: [...(row.choices ?? [])] };
  if (row.kind === 'choices') return { type: 'string', examples: [...(row.choices ?? [])] };
  if (row.kind === 'diagnose')
    return {
      anyOf: [{ enum: row.choices?.filter(one => !one.includes(':')) }, { type: 'string', pattern: '^command:.' }],
    };
  return kinds[row.kind];
}

/** A probe may be a mapping too: its value whole or in parts, and timing, name and severity of its own. */
function withProbe(name: OptionName, value: Schema): Schema {
  const probe = probeOptionRow(name);
  return probe === null ? value : { anyOf: [...alternatives(value), ofProbe(name, probe, value)] };
}

function ofProbe(name: OptionName, { parts, companion }: ProbeOption<unknown>, value: Schema): Schema {
  const part: Schema = { type: ['string', 'integer'] };
  const pattern = companion === null ? {} : { [companion]: kinds.regex, [companion.replace(/^.*-/, '')]: kinds.regex };
  const wholes = [...new Set(['value', name, parts[0] ?? 'value'])];
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(parts.map(one => [one, part])),
      ...Object.fromEntries(['value', name].map(one => [one, parts.length === 1 ? value : part])),
      ...pattern,
      interval: kinds.duration,
      timeout: kinds.duration,
      retries: { type: 'integer', minimum: 1 },
      'start-period': kinds.duration,
      name: text,
      severity: { enum: ['critical', 'optional'] },
    },
    additionalProperties: false,
    anyOf: wholes.map(one => ({ properties: { [one]: true }, required: [one] })),
  };
}

/** As it is printed, and as it lies in docs/. */
export function schemaText(): string {
  return `${JSON.stringify(serviceSchema(), null, 2)}\n`;
}

export function schemaCommand(): number {
  print(schemaText());
  return 0;
}

/** The manual page agent-watch(1) in roff, from the option table. */
export function manPage(version: string): string {
  const shown: Section[] = ['identity', 'restart', 'health', 'output', 'incidents', 'commands', 'general'];
  return `.\\" Made from the option table by scripts/generate-docs.ts
.TH AGENT\\-WATCH 1 "" "agent\\-watch ${escaped(version)}" "User Commands"
.SH NAME
agent\\-watch \\- a watchdog to put in front of any command
.SH SYNOPSIS
${commandNames.map(name => `.B agent\\-watch\n${escaped(commandRow(name).usage)}`).join('\n.br\n')}
.SH DESCRIPTION
${paragraphs(description)}
.SH COMMANDS
${commandNames.map(name => entry(`agent-watch ${commandRow(name).usage}`, commandMeaning(name))).join('\n')}
.SH OPTIONS
${paragraphs(values)}
${shown.map(section => `.SS ${escaped(sectionTitles[section])}\n${optionEntries(sections[section])}`).join('\n')}
.SH CONFIGURATION FILE
${paragraphs(configuration)}
.SH SIGNALS
${paragraphs(signals)}
.SH EXIT STATUS
${exits.map(([code, meaning]) => entry(code, meaning)).join('\n')}
.SH ENVIRONMENT
${manEnvironment.map(([name, meaning]) => entry(name, meaning)).join('\n')}
`;
}

const description = `It runs one command, passes its output through unchanged, starts it again when it ends, and says in one line what happened, why, and what comes next. Waits grow with every crash; many crashes in a short time are one cooldown. The whole process tree of a run is ended before the next one starts, and one name never runs twice.`;

const values = `Durations are written 500ms, 30s, 20m, 8h, 2d; sizes 64K, 10M, 2G, in powers of 1024. A number without a unit is refused.`;

const configuration = `Every option but --config, --help and --version is also a key of the YAML or JSON file that --config names; flags take precedence. An option that may be repeated takes a list. The key "command" is the command to watch, as a list. A probe may be a mapping with its own interval, timeout, retries, start-period, name and severity (critical or optional). Relative paths are taken from the file's folder. A file that another user owns or may write to is refused.`;

const signals = `TERM stops the child and ends the watcher. INT does the same, and the child gets INT; a second INT, at least a second later, sends SIGKILL. HUP, USR1, USR2, WINCH and QUIT are passed on to the child; HUP ends the watcher where a terminal is attached, and is ignored where there is only a controlling one.`;

const exits = [
  ['0', 'after a graceful stop'],
  ["the command's own", 'after it finished under --restart never or on-failure; 128+n after signal n'],
  ['69', 'held, with --on-hold exit'],
  ['75', 'already running under that name'],
  ['125', 'invalid usage or an internal error; nothing was started'],
  ['126', 'the command was found but cannot be executed'],
  ['127', 'the command, or the interpreter it names, was not found'],
] as const;

const manEnvironment = [
  ['AGENT_WATCH_STATE_DIR', 'where state lies, unless --state-dir is given; also set for the command'],
  ['AGENT_WATCH_NAME', 'set for the command: the name of the service'],
  ['AGENT_WATCH_RUN', 'set for the command: the number of its run'],
  ['AGENT_WATCH_RUN_ID', 'set for the command: random, new for each run'],
  ['AGENT_WATCH_LAST_INCIDENT', "set for the command: the path of the last run's post-mortem, if there is one"],
  ['PYTHONUNBUFFERED', 'set to 1 for the command unless it is set'],
  ['XDG_STATE_HOME', 'its folder agent-watch holds the state of a user'],
] as const;

function commandMeaning(name: (typeof commandNames)[number]): string {
  return commandRow(name).meaning;
}

function optionEntries(names: readonly OptionName[]): string {
  return names.map(name => entry(flagText(name), meaningText(name))).join('\n');
}

function entry(term: string, text: string): string {
  return `.TP\n.B ${escaped(term)}\n${escaped(text)}`;
}

function paragraphs(text: string): string {
  return text.split('\n').map(escaped).join('\n.PP\n');
}

/** A backslash and a minus mean something to roff, and so does a point or an apostrophe at a line's beginning. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
