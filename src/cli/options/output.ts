import type { OptionTable } from './option.ts';

/** What the watcher says, and what it keeps of what the child says. */
export const outputOptions = {
  quiet: { kind: 'switch', built: true, usual: true, meaning: "silences the watcher's own lines on standard error" },
  'log-max-size': {
    kind: 'size',
    default: '10M',
    value: 10_485_760,
    min: '1K',
    built: true,
    meaning: "the child's output is also kept on disk, rotated at this size",
  },
  'log-keep': {
    kind: 'integer',
    default: '5',
    value: 5,
    max: '1000',
    defaultNote: '5; 1 under journald',
    built: true,
    meaning: 'how many rotated logs are kept',
  },
  'no-log': { kind: 'switch', built: true, meaning: 'keeps no copy of the output on disk' },
  'tail-lines': {
    kind: 'integer',
    default: '20',
    value: 20,
    max: '10000',
    built: true,
    meaning: 'how much of the end is stored in incidents and sent in prompts',
  },
  'buffer-size': {
    kind: 'size',
    default: '256K',
    value: 262_144,
    min: '1K',
    max: '1G',
    built: true,
    meaning: 'the latest output of a run that is kept in memory',
  },
} as const satisfies OptionTable;
