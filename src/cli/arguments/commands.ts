/** The commands: what each is called, which operands and options it takes. */
import { type OptionName, watchOptionNames } from '../options/index.ts';

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
  /** Not in the short help. */
  readonly seldom?: boolean;
}

/** Options by which services are selected, beside their names. */
const select = ['all', 'all-users', 'state-dir'] as const;
const MANY = 10_000;

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
    usage: 'start [options] -- <command> [args...] | start <name...> | --all',
    meaning: 'run in the background; with a name, start it again with its last settings',
    operands: [0, MANY],
    options: [...watchOptionNames, 'all'],
    watches: true,
  },
  apply: {
    usage: 'apply <file|dir...> [--dry-run] [--prune] [--wait]',
    meaning: 'start and restart services as their files say; changes only what differs',
    operands: [1, MANY],
    options: ['dry-run', 'prune', 'wait', 'state-dir'],
  },
  down: {
    seldom: true,
    usage: 'down <file|dir...>',
    meaning: 'stop the services of these files',
    operands: [1, MANY],
    options: ['now', 'state-dir'],
  },
  check: {
    usage: 'check <file|dir...>',
    meaning: 'validate files and show what they would run; starts nothing',
    operands: [1, MANY],
    options: ['state-dir'],
  },
  status: {
    usage: 'status [name...] [--json] [--watch]',
    meaning: 'the services, one line each; with one name, its details',
    operands: [0, MANY],
    options: ['json', 'watch', ...select],
  },
  top: {
    usage: 'top [name...]',
    meaning: 'the services live; keys show and operate them',
    operands: [0, MANY],
    options: [...select],
  },
  health: {
    usage: 'health [name...] [--json]',
    meaning: 'overall health; exits 1 if any service is not healthy',
    operands: [0, MANY],
    options: ['json', ...select],
  },
  brief: {
    usage: 'brief [--since 24h] [--json]',
    meaning: 'summary of the last 24 hours',
    operands: [0, MANY],
    options: ['since', 'json', ...select],
  },
  logs: {
    usage: 'logs [name...] [-n 100] [-f] [-t] [--since 1h] [--grep REGEX] [--run N] [--around INCIDENT]',
    meaning: 'output of services, with events between the lines',
    operands: [0, MANY],
    options: ['lines', 'follow', 'times', 'since', 'until', 'grep', 'run', 'around', 'no-events', 'raw', ...select],
  },
  events: {
    usage: 'events [name...] [--since 1h] [-f] [--json]',
    meaning: 'what the watchers said, did and were asked',
    operands: [0, MANY],
    options: ['since', 'lines', 'follow', 'json', ...select],
  },
  runs: {
    usage:
      'runs [name...] [-n 20] [--json] | runs show <name> [N] | runs mark <name> N good|bad [why] | runs agreement <name>',
    meaning: 'the runs of services with their numbers; how far the judge can be trusted',
    operands: [0, MANY],
    options: ['lines', 'json', ...select],
  },
  incidents: {
    usage: 'incidents [name...] [--since 24h] [--json] | incidents show <name|id>',
    meaning: 'list incidents, or show the post-mortem of one',
    operands: [0, MANY],
    options: ['since', 'json', ...select],
  },
  serve: {
    usage: 'serve [--listen HOST:PORT]',
    meaning: 'a read-only web page of all services; /metrics; JSON',
    operands: [0, 0],
    options: ['listen', 'listen-token-file', 'state-dir'],
  },
  mcp: {
    usage: 'mcp [--allow-control]',
    meaning: 'an MCP server on stdio, for coding assistants',
    operands: [0, 0],
    options: ['allow-control', 'state-dir'],
  },
  diagnose: {
    usage: 'diagnose <name> [--live] | --file LOG | - [--exit-code N | --exit-signal SIG] [--json]',
    meaning: 'explain the last incident, or any log',
    operands: [0, 1],
    options: ['live', 'file', 'exit-code', 'exit-signal', 'json', ...llm, 'state-dir'],
  },
  stop: {
    usage: 'stop <name...> | --all [--now]',
    meaning: 'stop services gracefully; --now force-kills them',
    operands: [0, MANY],
    options: ['now', ...select],
  },
  restart: {
    usage: 'restart <name...> | --all [--watcher]',
    meaning: 'stop the run and start a new one; --watcher: under a new watcher',
    operands: [0, MANY],
    options: ['watcher', ...select],
  },
  reset: {
    usage: 'reset <name...> | --all',
    meaning: 'clear a hold, backoff and cooldown; starts at once',
    operands: [0, MANY],
    options: ['yes', ...select],
  },
  signal: {
    seldom: true,
    usage: 'signal <name...> | --all SIGUSR1',
    meaning: 'send a signal to the command, and to it only',
    operands: [0, MANY],
    options: [...select],
  },
  delete: {
    seldom: true,
    usage: 'delete <name...> | --all [--yes]',
    meaning: 'stop services and remove their state, log and incidents',
    operands: [0, MANY],
    options: ['yes', ...select],
  },
  install: {
    usage: 'install [--print] [--format F] [--user|--system] [options] -- <command> [args...]',
    meaning: 'install a systemd unit, launchd plist or cron line',
    operands: [0, 0],
    options: ['print', 'format', 'user', 'system', ...watchOptionNames],
    watches: true,
  },
  uninstall: {
    seldom: true,
    usage: 'uninstall <name>',
    meaning: 'remove the installed service',
    operands: [1, 1],
    options: ['user', 'system', 'state-dir'],
  },
  doctor: {
    usage: 'doctor [name]',
    meaning: 'check the setup for problems',
    operands: [0, 1],
    options: ['state-dir'],
  },
  init: {
    usage: 'init [dir] [--from FILE]',
    meaning: 'write a commented file for a service; --from a Procfile, pm2 or compose file',
    operands: [0, 1],
    options: ['from'],
  },
  schema: {
    seldom: true,
    usage: 'schema',
    meaning: 'print the JSON Schema of the configuration file',
    operands: [0, 0],
    options: [],
  },
  completion: {
    seldom: true,
    usage: 'completion bash|zsh|fish',
    meaning: 'print the completion script for a shell',
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

/** Another word for a command. */
export interface Alias {
  readonly word: CommandName;
  /** A switch that it stands for. */
  readonly switch?: OptionName;
  /** It is about certain services: at least one must be named. */
  readonly named?: boolean;
}

/** The words of other tools for what we have, each with one meaning. */
export const aliases: Readonly<Record<string, Alias>> = {
  ls: { word: 'status' },
  ps: { word: 'status' },
  list: { word: 'status' },
  show: { word: 'status', named: true },
  describe: { word: 'status', named: true },
  inspect: { word: 'status', named: true },
  rm: { word: 'delete' },
  remove: { word: 'delete' },
  up: { word: 'apply' },
  monit: { word: 'top' },
  kill: { word: 'stop', switch: 'now', named: true },
};

/** What people of other tools type for one of our commands; named in the error, never obeyed. */
export const foreignWords: Readonly<Record<string, string>> = {
  log: 'logs',
  tail: 'logs NAME -f',
  attach: 'logs NAME -f',
  stat: 'status',
  services: 'status',
  info: 'status NAME',
  desc: 'status NAME',
  enable: 'install',
  history: 'runs NAME',
  jobs: 'runs',
  errors: 'incidents',
  crashes: 'incidents',
  incident: 'incidents show ID',
  why: 'diagnose NAME',
  explain: 'diagnose NAME',
  summary: 'brief',
  import: 'init --from FILE',
  web: 'serve',
  dashboard: 'serve',
  ui: 'serve',
  metrics: 'serve',
  create: 'init',
  new: 'init',
  validate: 'check FILE',
  lint: 'check FILE',
  verify: 'check FILE',
  diff: 'apply FILE --dry-run',
  deploy: 'apply FILE',
  sync: 'apply FILE',
  healthcheck: 'health',
  'is-active': 'health NAME',
  'is-failed': 'health NAME',
  avail: 'status',
  pid: 'status NAME',
  fg: 'logs NAME -f',
  maintail: 'events -f',
  startup: 'install',
  ecosystem: 'init --from FILE',
  reload: 'apply FILE --dry-run',
  reread: 'apply FILE --dry-run',
  update: 'apply FILE --dry-run',
  ping: 'health',
};

/** Commands that end or forget something: none is ever suggested for a word that was mistyped. */
export const harmful: ReadonlySet<string> = new Set([
  ...['stop', 'restart', 'reset', 'signal', 'uninstall', 'delete', 'down', 'rm', 'remove', 'kill'],
]);

/** The row of a command, with all that a row may hold. */
export function commandRow(name: CommandName): CommandRow {
  return commands[name];
}
