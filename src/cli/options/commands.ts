import type { OptionTable } from './option.ts';

/** Options of the commands that look at what is being watched. They are no keys of the file. */
export const commandOptions = {
  json: { kind: 'switch', built: true, flagOnly: true, meaning: 'for programs' },
  watch: { kind: 'switch', built: true, flagOnly: true, meaning: 'redraws until it is interrupted' },
  all: { kind: 'switch', built: true, flagOnly: true, meaning: "every user's watchers (root)" },
  since: { kind: 'duration', built: true, flagOnly: true, meaning: 'how far back to look' },
  lines: {
    kind: 'integer',
    short: 'n',
    default: '100',
    value: 100,
    built: true,
    flagOnly: true,
    meaning: 'how many lines of the end',
  },
  follow: { kind: 'switch', short: 'f', built: true, flagOnly: true, meaning: 'goes on as the child writes' },
  raw: { kind: 'switch', built: true, flagOnly: true, meaning: "the child's bytes as they are" },
  file: { kind: 'path', placeholder: 'LOG', built: true, flagOnly: true, meaning: 'any log' },
  'exit-code': { kind: 'integer', max: '255', built: true, flagOnly: true, meaning: 'how the run of the log ended' },
  'exit-signal': { kind: 'signal', built: true, flagOnly: true, meaning: 'how the run of the log ended' },
  now: { kind: 'switch', built: true, flagOnly: true, meaning: 'at once, by SIGKILL' },
  print: { kind: 'switch', built: true, flagOnly: true, meaning: 'only shows what would be installed' },
  format: {
    kind: 'choice',
    choices: ['systemd', 'launchd', 'crontab'],
    built: true,
    flagOnly: true,
    defaultNote: 'by platform',
    meaning: 'what is installed',
  },
  user: { kind: 'switch', built: true, flagOnly: true, meaning: "with the user's own service manager" },
  system: { kind: 'switch', built: true, flagOnly: true, meaning: "with the system's service manager" },
} as const satisfies OptionTable;
