import type { ProbeSubject } from '../../probes/probe.ts';
import { quoted, UsageError } from '../usage-error.ts';
import { readDuration } from '../values/amounts.ts';
import type { KindValues, OptionTable } from './option.ts';

/** What tells that the child is alive but not working, and what ends it for good. */
export const healthOptions = {
  'stale-after': {
    kind: 'time-or-auto',
    min: '1ms',
    repeat: true,
    usual: true,
    meaning: 'fails when the command has written nothing for this long; auto learns how long, over all runs',
  },
  'stale-when': {
    kind: 'choice',
    choices: ['silent', 'idle'],
    default: 'silent',
    value: 'silent',
    meaning: 'idle: silence counts only while the whole process tree does nothing; for --stale-after 10m and above',
  },
  'first-output': {
    kind: 'duration',
    min: '1ms',
    repeat: true,
    meaning: 'fails when a run has printed nothing this long after its start',
  },
  'progress-pattern': {
    kind: 'regex',
    repeat: true,
    meaning: 'with --stale-after: only lines that match count as progress',
  },
  'fail-pattern': { kind: 'regex', repeat: true, meaning: 'fails when a line matches' },
  'fresh-file': {
    kind: 'path-time',
    placeholder: 'PATH=TIME',
    repeat: true,
    meaning: 'fails when the file is older than this, or missing',
  },
  grow: {
    kind: 'path-time',
    placeholder: 'GLOB=TIME',
    repeat: true,
    meaning: 'fails when neither the number nor the total size of the matching files has grown in this time',
  },
  http: {
    kind: 'url',
    repeat: true,
    usual: true,
    meaning: 'fails without a 2xx response in time; with --http-expect, also when the body does not match',
  },
  'http-expect': { kind: 'regex', repeat: true, meaning: 'pattern that the body of the --http response must match' },
  'http-ca': {
    kind: 'path',
    placeholder: 'FILE',
    meaning: 'PEM file of a certificate authority that --http trusts besides the usual ones',
  },
  port: {
    kind: 'host-port',
    repeat: true,
    meaning: 'fails when nothing accepts connections on this port',
  },
  check: {
    kind: 'text',
    placeholder: 'COMMAND',
    repeat: true,
    meaning: 'command run by /bin/sh -c; fails when it exits non-zero or exceeds --health-timeout',
  },
  'max-memory': {
    kind: 'size',
    min: '1B',
    repeat: true,
    usual: true,
    meaning: 'fails when the resident memory of the process tree is above this',
  },
  'max-cpu': {
    kind: 'text',
    placeholder: 'PERCENT=TIME',
    repeat: true,
    meaning: "fails when the process tree uses more than this share of one core for this long, such as '90=10m'",
  },
  'min-disk': {
    kind: 'size-path',
    repeat: true,
    meaning: 'fails when less disk space than this is free',
  },
  'error-rate': {
    kind: 'rate',
    repeat: true,
    meaning: 'fails when more lines than this match --error-pattern in the sliding window',
  },
  'error-pattern': { kind: 'regex', repeat: true, meaning: 'pattern of the lines that --error-rate counts' },
  'repeat-limit': {
    kind: 'rate',
    repeat: true,
    meaning: 'fails when this many lines in this time repeat the same few, such as 100/10m',
  },
  'repeat-action': {
    kind: 'choice',
    choices: ['alert', 'restart'],
    default: 'alert',
    value: 'alert',
    meaning: 'action when --repeat-limit fails',
  },
  'health-interval': {
    kind: 'duration',
    default: '30s',
    value: 30_000,
    min: '10ms',
    meaning: 'interval between two checks by --http, --port and --check',
  },
  'health-timeout': {
    kind: 'duration',
    default: '5s',
    value: 5000,
    min: '1ms',
    meaning: 'time limit for an answer',
  },
  'health-retries': {
    kind: 'integer',
    default: '3',
    value: 3,
    min: '1',
    meaning: 'consecutive failures after which a probe fails',
  },
  'health-start-period': {
    kind: 'duration',
    default: '60s',
    value: 60_000,
    meaning: 'grace period after a start in which failures are ignored; ends at the first success',
  },
  budget: {
    kind: 'budget',
    repeat: true,
    meaning: "stops the run and waits when runs have used that much of a metric in that time: 'cost<=10/1d'",
  },
  'kill-when': {
    kind: 'text',
    placeholder: 'EXPRESSION',
    meaning: "kill condition: stop and hold when this becomes true, such as 'daily_loss > $10 OR cash < $20'",
  },
  metrics: {
    kind: 'metrics',
    repeat: true,
    meaning: 'source of the numbers in --kill-when and --budget',
  },
  'metrics-max-age': {
    kind: 'duration',
    default: '5m',
    value: 300_000,
    min: '1ms',
    meaning: 'metrics older than this count as missing, which is alerted',
  },
  'kill-when-blind': { kind: 'switch', meaning: 'treat missing metrics as a tripped kill condition' },
  remedy: {
    kind: 'remedy',
    repeat: true,
    meaning: "command to run before the next start, for at most 60s, such as 'disk-full => ./clean-up.sh'",
  },
} as const satisfies OptionTable;

type HealthOption = keyof typeof healthOptions;

/** How the value of an option becomes a probe. */
export interface ProbeOption<Value> {
  /** The option whose pattern goes with it, if there is one. */
  readonly companion: HealthOption | null;
  /** The keys of its value as a mapping in the file, joined by `=` as on the command line. */
  readonly parts: readonly [string, ...string[]];
  /** The probe's name by the contract. `text`: the value as it was written; `index`: how many of its kind stand before it. */
  name(text: string, index: number): string;
  probe(value: Value, pattern: RegExp | null, given: ProbeContext): ProbeSubject;
}

/** What of the other settings a probe goes by. */
export interface ProbeContext {
  /** The child's working directory. */
  readonly folder: string;
  readonly staleWhen: 'silent' | 'idle';
  /** The file of --http-ca; null: none. */
  readonly httpCa: string | null;
}

/** `90=10m`, `90%=10m`: percent of one core, and a duration. Throws a UsageError. */
function readPercentAndTime(text: string): { maxPercent: number; forMs: number } {
  const [, percent, time] = /^(\d+(?:\.\d+)?)%?=(.+)$/.exec(text) ?? [];
  if (percent === undefined || time === undefined || Number(percent) <= 0)
    throw new UsageError(`${quoted(text)} is not of the form PERCENT=TIME; write one such as 90=10m`);
  return { maxPercent: Number(percent), forMs: readDuration(time) };
}

/** What stands before the last `=`. */
const placeIn = (text: string) => text.slice(0, text.lastIndexOf('='));

/** The options that are probes. */
export const probeOptions = {
  'stale-after': {
    companion: 'progress-pattern',
    parts: ['after'],
    name: () => 'stale',
    probe: (after, progressPattern, { staleWhen: when }) =>
      after === 'auto'
        ? { kind: 'rhythm', stage: 'restart', progressPattern }
        : { kind: 'stale', afterMs: after, progressPattern, when },
  },
  'repeat-limit': {
    companion: null,
    parts: ['rate'],
    name: () => 'repeats',
    probe: rate => ({ kind: 'repeats', rate }),
  },
  budget: {
    companion: null,
    parts: ['limit'],
    name: text => `budget:${text.replace(/\s*<=.*$/, '').trim()}`,
    probe: budget => ({ kind: 'budget', stage: 'stop', budget }),
  },
  'first-output': {
    companion: null,
    parts: ['within'],
    name: () => 'first-output',
    probe: withinMs => ({ kind: 'first-output', withinMs }),
  },
  'fail-pattern': {
    companion: null,
    parts: ['pattern'],
    name: () => 'fail-pattern',
    probe: pattern => ({ kind: 'fail-pattern', pattern }),
  },
  'fresh-file': {
    companion: null,
    parts: ['path', 'age'],
    name: text => `fresh:${placeIn(text)}`,
    probe: ({ place: path, ms: maxAgeMs }) => ({ kind: 'fresh-file', path, maxAgeMs }),
  },
  grow: {
    companion: null,
    parts: ['files', 'within'],
    name: text => `grow:${placeIn(text)}`,
    probe: ({ place: glob, ms: withinMs }) => ({ kind: 'grow', glob, withinMs }),
  },
  http: {
    companion: 'http-expect',
    parts: ['url'],
    name: text => `http:${text}`,
    probe: (url, expect, { httpCa: caFile }) => ({ kind: 'http', url, expect, caFile }),
  },
  port: {
    companion: null,
    parts: ['address'],
    name: text => `port:${text.replace(/^.*:/, '')}`,
    probe: ({ host, port }) => ({ kind: 'port', host, port }),
  },
  check: {
    companion: null,
    parts: ['command'],
    name: (_text, index) => `check:${index + 1}`,
    probe: command => ({ kind: 'check', command }),
  },
  'max-memory': {
    companion: null,
    parts: ['size'],
    name: () => 'memory',
    probe: maxBytes => ({ kind: 'memory', maxBytes }),
  },
  'max-cpu': {
    companion: null,
    parts: ['percent', 'for'],
    name: () => 'cpu',
    probe: text => ({ kind: 'cpu', ...readPercentAndTime(text) }),
  },
  'min-disk': {
    companion: null,
    parts: ['free', 'path'],
    name: () => 'disk',
    probe: ({ bytes: minFreeBytes, place }, _pattern, { folder }) => ({
      kind: 'disk',
      minFreeBytes,
      path: place ?? folder,
    }),
  },
  'error-rate': {
    companion: 'error-pattern',
    parts: ['rate'],
    name: () => 'errors',
    probe: (rate, pattern) => ({ kind: 'error-rate', rate, pattern }),
  },
} as const satisfies { [Name in HealthOption]?: ProbeOption<KindValues[(typeof healthOptions)[Name]['kind']]> };

export type ProbeOptionName = keyof typeof probeOptions;

/** The row of an option that is a probe; null for any other. Its value must be the option's own. */
export function probeOptionRow(name: string): ProbeOption<unknown> | null {
  return Object.hasOwn(probeOptions, name) ? (probeOptions[name as ProbeOptionName] as ProbeOption<unknown>) : null;
}
