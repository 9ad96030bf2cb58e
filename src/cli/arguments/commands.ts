/** The commands: what each is called, which operands and options it takes. */
import { type OptionName, watchOptionNames } from '../options/index.ts';
import type { DiagnosisSettings, Settings } from './settings.ts';

export interface CommandRow {
  /** As help shows it, after `agent-watch `. */
  readonly usage: string;
  readonly meaning: string;
  /** How many operands it takes, the command after `--` not counted. */
  readonly operands: readonly [least: number, most: number];
  /** Its options; all commands take --help. */
  readonly options: readonly OptionName[];
  /** Whether a command to watch may follow after `--`. */
  readonly watches?: boolean;
}

const llm = ['diagnose', 'llm-model', 'llm-url', 'llm-timeout', 'llm-max-calls', 'llm-key-file'] as const;

/** Every command. `watch` has no word of its own: it is what `agent-watch [options] -- command` does. */
const commands = {
  watch: {
    usage: '[options] -- <command> [args...]',
    meaning: 'watch one command in the foreground',
    operands: [0, 0],
    options: watchOptionNames,
    watches: true,
  },
  start: {
    usage: 'start [options] -- <command> [args...]',
    meaning: 'the same, detached; --config FILE|DIR: each file of a folder',
    operands: [0, 0],
    options: watchOptionNames,
    watches: true,
  },
  status: {
    usage: 'status [name] [--json] [--watch] [--all]',
    meaning: 'the watchers, one line each',
    operands: [0, 1],
    options: ['json', 'watch', 'all', 'state-dir'],
  },
  health: {
    usage: 'health [--json]',
    meaning: 'the one honest answer: exit 0 all well, 1 not',
    operands: [0, 1],
    options: ['json', 'all', 'state-dir'],
  },
  brief: {
    usage: 'brief [--since 24h] [--json]',
    meaning: 'what happened while you slept: one screen',
    operands: [0, 0],
    options: ['since', 'json', 'all', 'state-dir'],
  },
  logs: {
    usage: 'logs <name> [-n 100] [-f] [--raw]',
    meaning: "the child's output",
    operands: [1, 1],
    options: ['lines', 'follow', 'raw', 'state-dir'],
  },
  incidents: {
    usage: 'incidents [name] [--since 24h] [--json] | incidents show <id>',
    meaning: 'the list of incidents, or the post-mortem of one',
    operands: [0, 2],
    options: ['since', 'json', 'all', 'state-dir'],
  },
  diagnose: {
    usage: 'diagnose <name> | --file LOG | - [--exit-code N | --exit-signal SIG] [--json]',
    meaning: 'the last incident, or any log, explained',
    operands: [0, 1],
    options: ['file', 'exit-code', 'exit-signal', 'json', ...llm, 'state-dir'],
  },
  stop: {
    usage: 'stop <name> [--now]',
    meaning: 'end it, orderly or at once',
    operands: [1, 1],
    options: ['now', 'state-dir'],
  },
  restart: {
    usage: 'restart <name>',
    meaning: 'end the child and start it again',
    operands: [1, 1],
    options: ['state-dir'],
  },
  reset: {
    usage: 'reset <name>',
    meaning: 'lift a hold, clear backoff and cooldown; starts at once',
    operands: [1, 1],
    options: ['state-dir'],
  },
  signal: {
    usage: 'signal <name> SIGUSR1',
    meaning: 'deliver a signal to the child; to it only',
    operands: [2, 2],
    options: ['state-dir'],
  },
  install: {
    usage: 'install [--print] [--format F] [--user|--system] [options] -- <command> [args...]',
    meaning: 'a systemd unit, launchd plist or crontab line; --config FILE|DIR',
    operands: [0, 0],
    options: ['print', 'format', 'user', 'system', ...watchOptionNames],
    watches: true,
  },
  uninstall: {
    usage: 'uninstall <name>',
    meaning: 'take it away again',
    operands: [1, 1],
    options: ['user', 'system', 'state-dir'],
  },
  doctor: {
    usage: 'doctor [name]',
    meaning: 'what would surprise you tomorrow',
    operands: [0, 1],
    options: ['state-dir'],
  },
  completion: {
    usage: 'completion bash|zsh|fish',
    meaning: 'completion for your shell',
    operands: [1, 1],
    options: [],
  },
  help: { usage: 'help [all|COMMAND]', meaning: 'the same as --help', operands: [0, 1], options: [] },
  version: { usage: 'version', meaning: 'the same as --version', operands: [0, 0], options: [] },
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof commands;

export const commandNames = Object.keys(commands) as CommandName[];

/** The words that can be typed: all commands but `watch`, which is written with `--`. */
export const commandWords = commandNames.filter(name => name !== 'watch');

/** The row of a command, with all that a row may hold. */
export function commandRow(name: CommandName): CommandRow {
  return commands[name];
}

// What the user wants done, read and checked.

/** What the text of --help is about. */
export type HelpTopic = 'usual' | 'all' | CommandName;

export type InstallFormat = 'systemd' | 'launchd' | 'crontab';
export type ServiceScope = 'user' | 'system';

interface Somewhere {
  /** The folder that holds a folder per name. */
  readonly stateDir: string;
}

interface Named extends Somewhere {
  readonly name: string;
}

interface Listing extends Somewhere {
  readonly json: boolean;
  /** Every user's watchers, for root. */
  readonly all: boolean;
}

export type DiagnoseTarget =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' };

export type Invocation =
  | { readonly kind: 'watch'; readonly settings: Settings }
  | { readonly kind: 'start'; readonly settings: readonly Settings[] }
  | ({ readonly kind: 'status'; readonly name: string | null; readonly watch: boolean } & Listing)
  | ({ readonly kind: 'health'; readonly name: string | null } & Listing)
  | ({ readonly kind: 'brief'; readonly sinceMs: number | null } & Listing)
  | ({ readonly kind: 'logs'; readonly lines: number; readonly follow: boolean; readonly raw: boolean } & Named)
  | ({ readonly kind: 'incidents'; readonly name: string | null; readonly sinceMs: number | null } & Listing)
  | ({ readonly kind: 'incident'; readonly id: string } & Listing)
  | ({
      readonly kind: 'diagnose';
      readonly target: DiagnoseTarget;
      readonly exitCode: number | null;
      readonly exitSignal: NodeJS.Signals | null;
      readonly json: boolean;
      readonly diagnosis: DiagnosisSettings;
      /** Whether --diagnose was given: otherwise the watcher's own settings count. */
      readonly diagnoseGiven: boolean;
    } & Somewhere)
  | ({ readonly kind: 'stop'; readonly now: boolean } & Named)
  | ({ readonly kind: 'restart' } & Named)
  | ({ readonly kind: 'reset' } & Named)
  | ({ readonly kind: 'signal'; readonly signal: NodeJS.Signals } & Named)
  | {
      readonly kind: 'install';
      readonly settings: readonly Settings[];
      readonly print: boolean;
      readonly format: InstallFormat | null;
      readonly scope: ServiceScope | null;
    }
  | ({ readonly kind: 'uninstall'; readonly scope: ServiceScope | null } & Named)
  | ({ readonly kind: 'doctor'; readonly name: string | null } & Somewhere)
  | { readonly kind: 'completion'; readonly shell: 'bash' | 'zsh' | 'fish' }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' };
