import { fieldsOf } from '../../core/shape.ts';
import { argumentsOf, durationKey, type ForeignService, type Imported, textList } from './foreign.ts';

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
    keys: keysOf(app),
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

function keysOf(app: Readonly<Record<string, unknown>>): Record<string, unknown> {
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
