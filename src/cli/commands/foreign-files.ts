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

const NEEDS_SHELL = /[|&;<>()$`*?[\]{}~#!\n]|^\s*\w+=|\\$/;
const WORD = /(?:'[^']*'|"(?:[^"\\]|\\[\s\S])*"|\\[\s\S]|[^\s'"\\])+/g;
const QUOTED = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])/g;

/** A command line as a list of arguments, quotes read as a shell does; null where one is left open. */
function splitLine(line: string): string[] | null {
  if (line.replace(WORD, '').trim() !== '') return null;
  return (line.match(WORD) ?? []).map(word =>
    word.replace(QUOTED, (_, single, double, escaped) => single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped),
  );
}

/** The same, through a shell where it uses one's syntax. */
function argumentsOf(line: string): string[] {
  const text = line.trim();
  return (NEEDS_SHELL.test(text) ? null : splitLine(text)) ?? ['sh', '-c', text];
}

/** Our duration for milliseconds: `1500ms`, `3s`, `2m`. */
function durationKey(ms: number): string {
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Lines of `name: command`, as Heroku, foreman and honcho read them. */
export function fromProcfile(text: string, env: string | null): Imported {
  const services: ForeignService[] = [];
  const skipped: string[] = [];
  const givesPort = /^\s*(?:export\s+)?PORT=/m.test(env ?? '');
  for (const [index, line] of text.split('\n').entries()) {
    const match = /^([\w.-]+)\s*:\s*(\S.*?)\s*$/.exec(line);
    if (match === null) {
      if (!/^\s*(?:#|$)/.test(line)) skipped.push(`line ${index + 1}: is not "name: command"`);
      continue;
    }
    const [, name = '', command = ''] = match;
    services.push({
      name,
      command: argumentsOf(command),
      keys: env === null ? {} : { 'env-file': '.env' },
      cwd: '.',
      notes: !givesPort && /\$PORT\b|\$\{PORT\b/.test(command) ? ['PORT is not assigned here: set it in env'] : [],
    });
  }
  return { services, skipped };
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
    const notes: string[] = [];
    const spec = fieldsOf(filledIn(value, notes));
    const command = [...words(spec['entrypoint']), ...words(spec['command'])];
    if (command.length > 0)
      services.push({ name, command, keys: keysOf(spec), cwd: '.', notes: [...notesOf(spec), ...new Set(notes)] });
    else
      skipped.push(
        `${name}: has no command${typeof spec['image'] === 'string' ? `, only the image ${spec['image']}` : spec['build'] === undefined ? '' : ', only the image that it builds'}`,
      );
  }
  return { services, skipped };
}

/** Compose and pm2 take arguments apart without a shell. */
const words = (value: unknown) =>
  Array.isArray(value) ? textList(value) : textList(value).flatMap(line => splitLine(line) ?? [line]);

/** `$$`, and `${VARIABLE:-default}` in any text: what compose would fill in from elsewhere is left and noted. */
function filledIn(value: unknown, notes: string[]): unknown {
  if (Array.isArray(value)) return value.map(one => filledIn(one, notes));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filledIn(one, notes)]));
  if (typeof value !== 'string') return value;
  return value.replace(VARIABLE, (whole, _braces, fallback, _plain) => {
    if (whole === '$$') return '$';
    notes.push(
      fallback === undefined ? `${whole} is not filled in: write its value` : `${whole}: the default was taken`,
    );
    return fallback ?? whole;
  });
}

const VARIABLE = /\$(?:\$|\{([A-Za-z_]\w*)(?::?-([^}]*)|[^}]*)\}|([A-Za-z_]\w*))/g;

/** What needs no word: it has its own key here, or means nothing without a container. */
const COMPOSE_KEYS: ReadonlySet<string> = new Set([
  ...['entrypoint', 'command', 'environment', 'env_file', 'restart', 'stop_signal', 'stop_grace_period', 'mem_limit'],
  ...[
    'healthcheck',
    'container_name',
    'hostname',
    'labels',
    'logging',
    'init',
    'tty',
    'stdin_open',
    'expose',
    'platform',
  ],
]);

function notesOf(spec: Readonly<Record<string, unknown>>): string[] {
  const optional = textListOf(spec['env_file']).filter(one => fieldsOf(one)['required'] === false);
  return [
    ...Object.keys(spec)
      .filter(key => !COMPOSE_KEYS.has(key) && !(key === 'deploy' && memoryOf(spec) !== undefined))
      .map(key => `${key} was not converted`),
    ...optional.map(one => `env-file: compose goes without ${String(fieldsOf(one)['path'])}; agent-watch needs it`),
  ];
}

const textListOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const memoryOf = (spec: Readonly<Record<string, unknown>>): unknown =>
  spec['mem_limit'] ?? fieldsOf(fieldsOf(fieldsOf(spec['deploy'])['resources'])['limits'])['memory'];

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
  const limit = memoryOf(spec);
  if (limit !== undefined) keys['max-memory'] = String(limit).replace(/^(\d+)$/, '$1B');
  return { ...keys, ...healthOf(fieldsOf(spec['healthcheck'])) };
}

/** A mapping, or a list of `KEY=value`; a KEY without a value is the caller's and needs no mention. */
function environmentOf(value: unknown): Record<string, unknown> {
  if (!Array.isArray(value))
    return Object.fromEntries(Object.entries(fieldsOf(value)).filter(([, one]) => one !== null));
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
/** What needs no word: it has its own key here, or means nothing to us. */
const PM2_KEYS: ReadonlySet<string> = new Set([
  ...['name', 'script', 'args', 'cwd', 'interpreter', 'exec_interpreter', 'interpreter_args', 'node_args', 'env'],
  ...['instances', 'autorestart', 'stop_exit_codes', 'exp_backoff_restart_delay', 'restart_delay', 'max_restarts'],
  ...['kill_timeout', 'kill_signal', 'max_memory_restart', 'namespace', 'version', 'time', 'vizion', 'pmx', 'treekill'],
]);

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
  const notes = Object.keys(app)
    .filter(key => !PM2_KEYS.has(key) && app[key] !== undefined && app[key] !== false)
    .map(key => `${key} was not converted`);
  const instances = Number(app['instances'] ?? 1);
  if (instances !== 1)
    notes.push(`instances: ${String(app['instances'])} was not converted: one service is one process tree`);
  return {
    name: String(app['name'] ?? script.replace(/^.*\//, '').replace(/\.\w+$/, '')),
    command: commandOf(app, script),
    keys: keysOfObject(app),
    cwd: typeof app['cwd'] === 'string' ? app['cwd'] : '.',
    notes,
  };
}

function commandOf(app: Readonly<Record<string, unknown>>, script: string): string[] {
  const args = words(app['args']);
  const named = app['interpreter'] ?? app['exec_interpreter'];
  const flags = words(app['interpreter_args'] ?? app['node_args']);
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
