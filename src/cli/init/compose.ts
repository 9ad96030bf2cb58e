import { fieldsOf } from '../../core/shape.ts';
import { shellWord } from '../../core/text/escape.ts';
import { argumentsOf, type ForeignService, type Imported, textList } from './foreign.ts';

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
