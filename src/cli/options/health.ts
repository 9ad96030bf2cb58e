import type { OptionTable } from './option.ts';

/** What tells that the child is alive but not working, and what ends it for good. */
export const healthOptions = {
  'stale-after': {
    kind: 'duration',
    min: '1ms',
    repeat: true,
    usual: true,
    meaning: 'unhealthy when the child wrote nothing for that long',
  },
  'progress-pattern': {
    kind: 'regex',
    repeat: true,
    meaning: 'with --stale-after: only lines that match count as life',
  },
  'fail-pattern': { kind: 'regex', repeat: true, meaning: 'unhealthy when a line matches' },
  'fresh-file': {
    kind: 'path-time',
    placeholder: 'PATH=TIME',
    repeat: true,
    meaning: 'unhealthy when the file is older than that, or missing',
  },
  grow: {
    kind: 'path-time',
    placeholder: 'GLOB=TIME',
    repeat: true,
    meaning: 'unhealthy when neither number nor total size of the matching files grew in that time',
  },
  http: {
    kind: 'url',
    repeat: true,
    usual: true,
    meaning: 'unhealthy without a 2xx in time, or when the body does not match --http-expect',
  },
  'http-expect': { kind: 'regex', repeat: true, meaning: 'what the body of --http must match' },
  port: {
    kind: 'host-port',
    repeat: true,
    meaning: 'unhealthy when nothing accepts connections there',
  },
  check: {
    kind: 'text',
    placeholder: 'COMMAND',
    repeat: true,
    meaning: 'run by /bin/sh -c; unhealthy when it exits non-zero or outlives the timeout',
  },
  'max-memory': {
    kind: 'size',
    min: '1B',
    repeat: true,
    usual: true,
    meaning: "unhealthy when the whole tree's resident memory is above that",
  },
  'min-disk': {
    kind: 'size-path',
    repeat: true,
    meaning: 'unhealthy when less is free there',
  },
  'error-rate': {
    kind: 'rate',
    repeat: true,
    meaning: 'unhealthy when more lines than that match --error-pattern in the sliding window',
  },
  'error-pattern': { kind: 'regex', repeat: true, meaning: 'the lines that --error-rate counts' },
  'health-interval': {
    kind: 'duration',
    default: '30s',
    value: 30_000,
    min: '10ms',
    meaning: 'how often --http, --port and --check ask',
  },
  'health-timeout': {
    kind: 'duration',
    default: '5s',
    value: 5000,
    min: '1ms',
    meaning: 'how long an answer may take',
  },
  'health-retries': {
    kind: 'integer',
    default: '3',
    value: 3,
    min: '1',
    meaning: 'that many failures in a row make it unhealthy',
  },
  'health-start-period': {
    kind: 'duration',
    default: '60s',
    value: 60_000,
    meaning: 'so long after a start failures do not count; a first success ends it',
  },
  'kill-when': {
    kind: 'text',
    placeholder: 'EXPRESSION',
    meaning: "stop and hold when this becomes true, such as 'daily_loss > $10 OR cash < $20'",
  },
  metrics: {
    kind: 'metrics',
    repeat: true,
    meaning: 'where the numbers of --kill-when come from',
  },
  'metrics-max-age': {
    kind: 'duration',
    default: '5m',
    value: 300_000,
    min: '1ms',
    meaning: 'older numbers are blind, which is alerted',
  },
  'kill-when-blind': { kind: 'switch', meaning: 'blind counts as tripped' },
  remedy: {
    kind: 'remedy',
    repeat: true,
    meaning: "a command before the next start, at most 60 s, such as 'disk-full => ./clean-up.sh'",
  },
} as const satisfies OptionTable;
