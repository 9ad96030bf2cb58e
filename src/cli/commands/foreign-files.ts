import { fieldsOf } from '../../core/shape.ts';
import { shellWord } from '../../core/text.ts';

/** Services as other tools describe them, in our keys. */

/** A service to be written: keys of the configuration file in order, and what could not be taken over. */
export interface ForeignService {
  readonly name: string;
  readonly command: readonly string[];
  /** Keys besides name, command and cwd. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Where it runs, relative to the file that described it. */
  readonly cwd: string;
  readonly notes: readonly string[];
}

/** What a foreign file comes to. */
export interface Imported {
  readonly services: readonly ForeignService[];
  /** Services that cannot be run without their own tool, a sentence each. */
  readonly skipped: readonly string[];
}

const NEEDS_SHELL = /[|&;<>()$`*?[\]{}~#!\n]|^\s*\w+=/;

/** A command line as a list of arguments; through a shell only where it uses one's syntax. */
function argumentsOf(line: string): string[] {
  const text = line.trim();
  if (NEEDS_SHELL.test(text)) return ['sh', '-c', text];
  const words: string[] = [];
  for (const [, single, double, plain] of text.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|((?:[^\s'"\\]|\\.)+)/g))
    words.push(single ?? (double ?? plain ?? '').replace(/\\(.)/g, '$1'));
  // Quotes inside a word are not understood here: a shell reads them rightly.
  return /\S['"]|['"]\S/.test(text.replace(/(?:^|\s)(?:'[^']*'|"[^"]*")(?=\s|$)/g, ' ')) ? ['sh', '-c', text] : words;
}

/** Our duration for milliseconds: `1500ms`, `3s`, `2m`. */
function durationKey(ms: number): string {
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Lines of `name: command`, as Heroku, foreman and honcho read them. */
export function fromProcfile(text: string, hasEnvFile: boolean): Imported {
  const services: ForeignService[] = [];
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z0-9_-]+):\s*(\S.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, name = '', command = ''] = match;
    services.push({
      name,
      command: argumentsOf(command),
      keys: hasEnvFile ? { 'env-file': '.env' } : {},
      cwd: '.',
      notes: /\$PORT\b|\$\{PORT\b/.test(command) ? ['PORT is not assigned here: set it in env'] : [],
    });
  }
  return { services, skipped: [] };
}

/** A text or a list of them; anything else is none. */
function textList(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return value === undefined || value === null ? [] : [String(value)];
}

/** The services of a compose file that have a command of their own. Source: the compose specification. */
export function fromCompose(document: unknown): Imported {
  const services: ForeignService[] = [];
  const skipped: string[] = [];
  for (const [name, value] of Object.entries(fieldsOf(fieldsOf(document)['services']))) {
    const spec = fieldsOf(value);
    const command = [...words(spec['entrypoint']), ...words(spec['command'])];
    if (command.length > 0) services.push({ name, command, keys: keysOf(spec), cwd: '.', notes: notesOf(spec) });
    else
      skipped.push(
        `${name}: has no command${typeof spec['image'] === 'string' ? `, only the image ${spec['image']}` : ''}`,
      );
  }
  return { services, skipped };
}

const words = (value: unknown) => (Array.isArray(value) ? textList(value) : textList(value).flatMap(argumentsOf));

function notesOf(spec: Readonly<Record<string, unknown>>): string[] {
  const left = [
    'image',
    'build',
    'ports',
    'volumes',
    'depends_on',
    'networks',
    'user',
    'working_dir',
    'secrets',
    'configs',
  ];
  return left.filter(key => spec[key] !== undefined).map(key => `${key} was not taken over`);
}

function keysOf(spec: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const keys: Record<string, unknown> = {};
  const env = environmentOf(spec['environment']);
  if (Object.keys(env).length > 0) keys['env'] = env;
  const files = textList(
    Array.isArray(spec['env_file']) ? spec['env_file'].map(one => fieldsOf(one)['path'] ?? one) : spec['env_file'],
  );
  if (files.length > 0) keys['env-file'] = files;
  Object.assign(keys, restartOf(spec['restart']));
  if (typeof spec['stop_signal'] === 'string') keys['stop-signal'] = spec['stop_signal'];
  if (typeof spec['stop_grace_period'] === 'string') keys['stop-timeout'] = spec['stop_grace_period'];
  const limit = spec['mem_limit'] ?? fieldsOf(fieldsOf(fieldsOf(spec['deploy'])['resources'])['limits'])['memory'];
  if (limit !== undefined) keys['max-memory'] = String(limit).replace(/^(\d+)$/, '$1B');
  return { ...keys, ...healthOf(fieldsOf(spec['healthcheck'])) };
}

/** A mapping, or a list of `KEY=value`; a KEY alone is the caller's and needs no mention. */
function environmentOf(value: unknown): Record<string, unknown> {
  if (!Array.isArray(value)) return { ...fieldsOf(value) };
  const pairs = value.map(String).filter(pair => pair.includes('='));
  return Object.fromEntries(pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** Compose restarts nothing by default; written as a number or a word, YAML 1.1 makes a boolean of `no`. */
function restartOf(value: unknown): Record<string, unknown> {
  const text = String(value ?? 'no');
  if (text === 'always' || text === 'unless-stopped') return { restart: 'always' };
  const [word, most] = text.split(':');
  if (word === 'on-failure')
    return { restart: 'on-failure', ...(most === undefined ? {} : { 'max-restarts': Number(most) }) };
  return { restart: 'never' };
}

function healthOf(check: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const test = check['test'];
  if (test === undefined || check['disable'] === true) return {};
  const [kind, ...rest] = textList(test);
  if (kind === 'NONE') return {};
  const command = !Array.isArray(test)
    ? String(test)
    : kind === 'CMD-SHELL'
      ? rest.join(' ')
      : rest.map(shellWord).join(' ');
  const probe: Record<string, unknown> = { command };
  for (const [theirs, ours] of [
    ['interval', 'interval'],
    ['timeout', 'timeout'],
    ['retries', 'retries'],
    ['start_period', 'start-period'],
  ] as const)
    if (check[theirs] !== undefined) probe[ours] = check[theirs];
  return { check: probe };
}

const INTERPRETERS: Readonly<Record<string, string>> = {
  js: 'node',
  mjs: 'node',
  cjs: 'node',
  py: 'python3',
  sh: 'bash',
  rb: 'ruby',
  pl: 'perl',
  php: 'php',
};
/** What we do by other means, or not at all. */
const NOT_TAKEN = [
  'watch',
  'ignore_watch',
  'exec_mode',
  'out_file',
  'error_file',
  'log_file',
  'merge_logs',
  'wait_ready',
  'cron_restart',
  'min_uptime',
  'source_map_support',
];

/** The apps of a pm2 ecosystem file. Source: pm2's application declaration. */
export function fromPm2(document: unknown): Imported {
  const apps = Array.isArray(document) ? document : (fieldsOf(document)['apps'] ?? [document]);
  const services: ForeignService[] = [];
  const skipped: string[] = [];
  for (const app of (Array.isArray(apps) ? apps : [apps]).map(fieldsOf)) {
    const script = app['script'];
    if (typeof script !== 'string') skipped.push(`${String(app['name'] ?? 'an app')}: has no script`);
    else services.push(service(app, script));
  }
  return { services, skipped };
}

function service(app: Readonly<Record<string, unknown>>, script: string): ForeignService {
  const notes = NOT_TAKEN.filter(key => app[key] !== undefined && app[key] !== false).map(
    key => `${key} was not taken over`,
  );
  const instances = Number(app['instances'] ?? 1);
  if (instances !== 1)
    notes.push(`instances: ${String(app['instances'])} was not taken over: one service is one process tree`);
  return {
    name: String(app['name'] ?? script.replace(/^.*\//, '').replace(/\.\w+$/, '')),
    command: commandOf(app, script),
    keys: keysOfObject(app),
    cwd: typeof app['cwd'] === 'string' ? app['cwd'] : '.',
    notes,
  };
}

function commandOf(app: Readonly<Record<string, unknown>>, script: string): string[] {
  const args = Array.isArray(app['args']) ? textList(app['args']) : textList(app['args']).flatMap(argumentsOf);
  const named = app['interpreter'] ?? app['exec_interpreter'];
  const flags = textList(app['interpreter_args'] ?? app['node_args']).flatMap(argumentsOf);
  if (named === 'none') return [script, ...args];
  const ending = /\.(\w+)$/.exec(script)?.[1] ?? '';
  const interpreter = typeof named === 'string' ? named : INTERPRETERS[ending];
  if (interpreter !== undefined) return [interpreter, ...flags, script, ...args];
  return /\s/.test(script) ? [...argumentsOf(script), ...args] : [script, ...args];
}

function keysOfObject(app: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const keys: Record<string, unknown> = {};
  const env = fieldsOf(app['env']);
  if (Object.keys(env).length > 0) keys['env'] = env;
  if (app['autorestart'] === false) keys['restart'] = 'never';
  if (app['stop_exit_codes'] !== undefined)
    Object.assign(keys, { restart: 'on-failure', 'success-codes': textList(app['stop_exit_codes']).join(',') });
  const delay = app['exp_backoff_restart_delay'] ?? app['restart_delay'];
  if (typeof delay === 'number' && delay > 0) keys['backoff'] = durationKey(delay);
  if (app['exp_backoff_restart_delay'] === undefined && typeof app['restart_delay'] === 'number')
    keys['backoff-factor'] = 1;
  if (typeof app['max_restarts'] === 'number') keys['max-restarts'] = app['max_restarts'];
  if (typeof app['kill_timeout'] === 'number') keys['stop-timeout'] = durationKey(app['kill_timeout']);
  if (app['max_memory_restart'] !== undefined)
    keys['max-memory'] = String(app['max_memory_restart']).replace(/^(\d+)$/, '$1B');
  if (typeof app['kill_signal'] === 'string') keys['stop-signal'] = app['kill_signal'];
  return keys;
}
