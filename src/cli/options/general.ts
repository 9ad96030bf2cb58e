import type { OptionTable } from './option.ts';

/** Options that ask for a text and start nothing. */
export const generalOptions = {
  help: {
    kind: 'switch',
    short: 'h',
    flagOnly: true,
    meaning: 'show this text; `--help all` shows every option, `--help COMMAND` one command',
  },
  version: { kind: 'switch', short: 'v', flagOnly: true, meaning: 'the version' },
} as const satisfies OptionTable;

/** Who the watcher is, where its files lie, and what the child gets from us. */
export const identityOptions = {
  name: {
    kind: 'name',
    usual: true,
    defaultNote: 'from the command',
    meaning: 'name of the service; one watcher per name',
  },
  'state-dir': {
    kind: 'path',
    placeholder: 'DIR',
    defaultNote: '$AGENT_WATCH_STATE_DIR, else /var/lib/agent-watch for root, else ~/.local/state/agent-watch',
    meaning: 'folder for state, log and incidents; one subfolder per service',
  },
  config: {
    kind: 'path',
    placeholder: 'FILE',
    usual: true,
    flagOnly: true,
    meaning: 'YAML or JSON file with the same options; flags take precedence',
  },
  cwd: {
    kind: 'path',
    placeholder: 'DIR',
    defaultNote: 'inherited',
    meaning: 'working directory of the command',
  },
  env: {
    kind: 'pair',
    repeat: true,
    defaultNote: 'inherited',
    meaning: 'environment variable for the command, added to the inherited ones',
  },
  'env-file': {
    kind: 'path',
    placeholder: 'FILE',
    repeat: true,
    meaning: 'file of environment variables for the command, one KEY=value a line; --env takes precedence',
  },
  stdin: {
    kind: 'stdin',
    defaultNote: 'a pipe or file is passed to the first run, a short pipe to each run; a terminal is not passed on',
    meaning: 'standard input of each run: a file that is opened anew, inherit, or null',
  },
} as const satisfies OptionTable;

/** What the watcher says, and what it keeps of what the child says. */
export const outputOptions = {
  quiet: { kind: 'switch', usual: true, meaning: "silences the watcher's own lines on standard error" },
  'log-max-size': {
    kind: 'size',
    default: '10M',
    value: 10_485_760,
    min: '1K',
    meaning: 'size at which the copy of the output on disk is rotated',
  },
  'log-keep': {
    kind: 'integer',
    default: '5',
    value: 5,
    max: '1000',
    defaultNote: '5; 1 under journald',
    meaning: 'number of rotated logs to keep',
  },
  'no-log': { kind: 'switch', meaning: 'keeps no copy of the output on disk' },
  'tail-lines': {
    kind: 'integer',
    default: '20',
    value: 20,
    max: '10000',
    meaning: 'number of last lines stored in incidents and sent in prompts',
  },
  'buffer-size': {
    kind: 'size',
    default: '256K',
    value: 262_144,
    min: '1K',
    max: '1G',
    meaning: 'amount of the latest output of a run that is kept in memory',
  },
} as const satisfies OptionTable;

/** Options of the commands that look at what is being watched. They are not keys of the file. */
export const commandOptions = {
  json: { kind: 'switch', flagOnly: true, meaning: 'prints JSON' },
  watch: { kind: 'switch', flagOnly: true, meaning: 'redraws until interrupted' },
  all: { kind: 'switch', flagOnly: true, meaning: 'all services of the state folder' },
  'all-users': { kind: 'switch', flagOnly: true, meaning: 'the services of all users (root only)' },
  since: { kind: 'moment', flagOnly: true, meaning: 'from this time on: 30m (ago), 10:30, yesterday, 2026-11-29' },
  lines: {
    kind: 'integer',
    short: 'n',
    flagOnly: true,
    defaultNote: '100; of runs 20; around an incident 50 each way; all with --since or --run',
    meaning: 'number of last lines to show',
  },
  follow: { kind: 'switch', short: 'f', flagOnly: true, meaning: 'follows the output as it grows' },
  times: { kind: 'switch', short: 't', flagOnly: true, meaning: 'the arrival time before each line' },
  until: { kind: 'moment', flagOnly: true, meaning: 'up to this time, written as for --since' },
  grep: { kind: 'regex', flagOnly: true, meaning: 'only lines that match' },
  run: { kind: 'integer', min: '1', flagOnly: true, meaning: 'only the output of this run' },
  around: {
    kind: 'text',
    placeholder: 'INCIDENT',
    flagOnly: true,
    meaning: 'the lines before and after an incident: its id, the beginning of it, or a name for the latest',
  },
  'no-events': { kind: 'switch', flagOnly: true, meaning: 'only output, no events' },
  raw: { kind: 'switch', flagOnly: true, meaning: 'the output bytes, unchanged' },
  file: { kind: 'path', placeholder: 'LOG', flagOnly: true, meaning: 'log to diagnose' },
  live: { kind: 'switch', flagOnly: true, meaning: 'what the processes of the running service do at this moment' },
  'exit-code': { kind: 'integer', max: '255', flagOnly: true, meaning: 'how the run of the log ended' },
  'exit-signal': { kind: 'signal', flagOnly: true, meaning: 'how the run of the log ended' },
  now: { kind: 'switch', flagOnly: true, meaning: 'force-kills with SIGKILL' },
  watcher: { kind: 'switch', flagOnly: true, meaning: 'restarts the watcher as well, with this executable' },
  from: {
    kind: 'path',
    placeholder: 'FILE',
    flagOnly: true,
    meaning: 'a Procfile, a pm2 ecosystem file or a compose file',
  },
  'dry-run': { kind: 'switch', flagOnly: true, meaning: 'only shows what would be done' },
  prune: { kind: 'switch', flagOnly: true, meaning: 'also stops services whose file is gone from the folder' },
  wait: { kind: 'switch', flagOnly: true, meaning: 'waits until all services are healthy' },
  yes: { kind: 'switch', flagOnly: true, meaning: 'does not ask for confirmation' },
  'allow-control': {
    kind: 'switch',
    flagOnly: true,
    meaning: 'the assistant may also start, stop, restart and reset services',
  },
  print: { kind: 'switch', flagOnly: true, meaning: 'only shows what would be installed' },
  format: {
    kind: 'choice',
    choices: ['systemd', 'launchd', 'crontab'],
    flagOnly: true,
    defaultNote: 'by platform',
    meaning: 'what to install',
  },
  user: { kind: 'switch', flagOnly: true, meaning: "with the user's own service manager" },
  system: { kind: 'switch', flagOnly: true, meaning: "with the system's service manager" },
} as const satisfies OptionTable;

/** What is found out about an end, and who is told. */
export const incidentOptions = {
  diagnose: {
    kind: 'diagnose',
    choices: ['off', 'rules', 'anthropic', 'openai', 'ollama', 'command:CMD'],
    default: 'rules',
    value: { kind: 'rules' },
    meaning: 'how incidents are diagnosed: rules first, then the model',
  },
  'llm-model': {
    kind: 'text',
    placeholder: 'MODEL',
    defaultNote: 'per provider',
    meaning: 'model to ask',
  },
  'llm-url': {
    kind: 'secret-url',
    placeholder: 'URL',
    defaultNote: 'per provider',
    meaning: "base URL of the API, as the provider's own SDK takes it",
  },
  'llm-timeout': {
    kind: 'duration',
    min: '1ms',
    defaultNote: '10s; 120s ollama',
    meaning: 'time limit for an answer',
  },
  'llm-max-calls': {
    kind: 'rate',
    default: '20/1d',
    value: { count: 20, windowMs: 86_400_000 },
    meaning: 'limit on the number of calls to the model',
  },
  'llm-key-file': {
    kind: 'path',
    placeholder: 'FILE',
    defaultNote: "the provider's own variable",
    meaning: 'file that holds the API key',
  },
  judge: {
    kind: 'path',
    placeholder: 'FILE',
    defaultNote: 'none',
    meaning: 'rubric in plain text, by which a model judges the output of each successful run',
  },
  'judge-with': {
    kind: 'diagnose',
    choices: ['anthropic', 'openai', 'ollama', 'command:CMD'],
    defaultNote: 'the model of --diagnose',
    meaning: 'the model that judges',
  },
  'judge-acts': {
    kind: 'switch',
    meaning: 'a fail verdict makes the run a failure, once the judge is calibrated (`runs agreement`)',
  },
  'alert-webhook': {
    kind: 'secret-url',
    repeat: true,
    defaultNote: '$AGENT_WATCH_ALERT_WEBHOOK, $ALERT_WEBHOOK',
    meaning: 'URL to post alerts to',
  },
  'alert-format': {
    kind: 'choice',
    choices: ['slack', 'discord', 'ntfy', 'telegram', 'generic'],
    defaultNote: 'by host',
    meaning: 'format of the webhook',
  },
  'alert-command': {
    kind: 'text',
    placeholder: 'COMMAND',
    repeat: true,
    meaning: 'command that gets the alert as JSON on standard input',
  },
  'alert-file': {
    kind: 'path',
    placeholder: 'FILE',
    repeat: true,
    meaning: 'file to append alerts to, as text',
  },
  'alert-on': {
    kind: 'choices',
    choices: [
      'flap',
      'slow-loop',
      'hold',
      'limited',
      'unhealthy',
      'recovered',
      'unusual',
      'crash',
      'start',
      'stop',
      'all',
    ],
    default: 'flap,slow-loop,hold,limited,unhealthy,recovered',
    value: ['flap', 'slow-loop', 'hold', 'limited', 'unhealthy', 'recovered'],
    repeat: true,
    meaning: 'events to alert on; also unusual (a default with --schedule or --judge), crash, start, stop, all',
  },
  'alert-cooldown': {
    kind: 'duration',
    default: '15m',
    value: 900_000,
    meaning: 'minimum time between alerts for the same cause',
  },
  'heartbeat-url': {
    kind: 'secret-url',
    defaultNote: 'none',
    meaning: 'URL to ping while running or healthy',
  },
  listen: {
    kind: 'host-port',
    defaultNote: 'off; host 127.0.0.1; of serve: 127.0.0.1:7433',
    meaning: 'HTTP address, read-only; a watcher serves /livez, /readyz, /status and /metrics there',
  },
  'listen-token-file': {
    kind: 'path',
    placeholder: 'FILE',
    meaning: 'file that holds the token; required when --listen is not on loopback',
  },
  'notify-ready': {
    kind: 'choice',
    choices: ['up', 'healthy'],
    default: 'up',
    value: 'up',
    meaning: 'when to report READY to systemd',
  },
} as const satisfies OptionTable;
