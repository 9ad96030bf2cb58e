import type { OptionTable } from './option.ts';

/** Who the watcher is, where its files lie, and what the child gets from us. */
export const identityOptions = {
  name: {
    kind: 'name',
    built: true,
    usual: true,
    defaultNote: 'from the command',
    meaning: 'what the watcher is called; one watcher per name',
  },
  'state-dir': {
    kind: 'path',
    placeholder: 'DIR',
    built: true,
    defaultNote: '$AGENT_WATCH_STATE_DIR, else /var/lib/agent-watch for root, else ~/.local/state/agent-watch',
    meaning: 'where state, log and incidents lie: a folder per name',
  },
  config: {
    kind: 'path',
    placeholder: 'FILE',
    built: true,
    usual: true,
    flagOnly: true,
    meaning: 'a YAML or JSON file with the same options; flags win over it',
  },
  cwd: {
    kind: 'path',
    placeholder: 'DIR',
    built: true,
    defaultNote: 'inherited',
    meaning: 'working directory of the child',
  },
  env: {
    kind: 'pair',
    built: true,
    repeat: true,
    defaultNote: 'inherited',
    meaning: 'a variable for the child, besides what we inherited',
  },
  'env-file': {
    kind: 'path',
    placeholder: 'FILE',
    built: true,
    repeat: true,
    meaning: 'variables for the child, a KEY=value a line; --env wins',
  },
  stdin: {
    kind: 'choice',
    choices: ['inherit', 'null'],
    built: true,
    defaultNote: 'a pipe or file is passed to the first run, a terminal is not',
    meaning: "the child's standard input",
  },
} as const satisfies OptionTable;
