import type { OptionTable } from './option.ts';

/** Options that ask for a text and start nothing. */
export const generalOptions = {
  help: {
    kind: 'switch',
    built: true,
    short: 'h',
    flagOnly: true,
    meaning: 'this text; `--help all` shows every option, `--help COMMAND` one command',
  },
  version: { kind: 'switch', built: true, flagOnly: true, meaning: 'the version' },
} as const satisfies OptionTable;
