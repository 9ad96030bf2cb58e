/** The JSON Schema of the configuration file, from the option table: what an editor completes and checks. */
import { type ProbeOption, probeOptionRow } from '../options/health.ts';
import { fileKeys, type OptionName, optionRow } from '../options/index.ts';
import type { Kind, Option } from '../options/option.ts';
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
