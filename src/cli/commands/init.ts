import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { fieldsOf } from '../../core/shape.ts';
import { EXIT } from '../../core/signals.ts';
import { shellWord } from '../../core/text.ts';
import { durationText } from '../../core/units.ts';
import { reasonOf } from '../../host/read-file.ts';
import type { Invocation, Settings } from '../arguments/invocation.ts';
import { ownEnvironment } from '../environment.ts';
import { type Described, readFleet } from '../fleet/files.ts';
import { schemaText } from '../render/schema.ts';
import { print } from '../render/terminal.ts';
import { resolvedCommand } from '../service/plan.ts';
import { CommandFailed, UsageError } from '../usage-error.ts';
import { sanitisedName } from '../values/words.ts';
import { type ForeignService, fromCompose, fromPm2, fromProcfile, type Imported } from './foreign-files.ts';

type InitInvocation = Extract<Invocation, { kind: 'init' }>;

/** Beside the files: hidden, so that `apply` takes it for no service. */
const SCHEMA_FILE = '.agent-watch.schema.json';
const HEAD = `# yaml-language-server: $schema=${SCHEMA_FILE}\n`;

/** Writes a commented file for a new service, or files for the services of another tool's. Overwrites nothing. */
export function initCommand({ folder, from }: InitInvocation): number {
  const files = from === null ? [exampleFor(folder)] : filesFrom(folder, from);
  const taken = files.find(({ path }) => existsSync(path));
  if (taken !== undefined) throw new CommandFailed(`${taken.path} exists; nothing was written`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, SCHEMA_FILE), schemaText(), { mode: 0o644 });
    for (const { path, text } of files) writeFileSync(path, text, { mode: 0o644, flag: 'wx' });
  } catch (error) {
    throw new CommandFailed(`${folder} cannot be written: ${reasonOf(error)}`);
  }
  for (const { path } of files) print(`wrote ${relative(process.cwd(), path) || path}\n`);
  const where = relative(process.cwd(), from === null ? (files[0]?.path ?? folder) : folder) || '.';
  print(`check with: agent-watch check ${where}\nstart with: agent-watch apply ${where}\n`);
  return 0;
}

interface NewFile {
  readonly path: string;
  readonly text: string;
}

function filesFrom(folder: string, from: string): NewFile[] {
  const { services, skipped } = importedFrom(from);
  for (const line of skipped) process.stderr.write(`agent-watch: skipped ${line}\n`);
  if (services.length === 0) throw new CommandFailed(`${from} describes no service that can be started`);
  const taken = new Set<string>();
  return services.map(service => {
    const name = freeName(sanitisedName(service.name) || 'service', taken);
    taken.add(name);
    return { path: join(folder, `${name}.yaml`), text: fileText({ ...service, name }, folder, from) };
  });
}

/** Another tool may take two services of one name, or names that differ in what ours may not hold. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.has(name)) return name;
  }
}

/** The text of the file of variables that foreman reads; null without one. */
function envBeside(from: string): string | null {
  const path = join(dirname(from), '.env');
  return existsSync(path) ? textOf(path) : null;
}

/** By the file's name, and for YAML and JSON by what is in it. */
function importedFrom(from: string): Imported {
  const name = basename(from);
  const text = textOf(from);
  if (/^Procfile/i.test(name)) return fromProcfile(text, envBeside(from));
  if (/\.[cm]?js$/.test(name)) return fromPm2(evaluated(from));
  const document = parsed(text, from);
  if (fieldsOf(document)['services'] !== undefined) return fromCompose(document);
  if (fieldsOf(document)['apps'] !== undefined || Array.isArray(document) || fieldsOf(document)['script'] !== undefined)
    return fromPm2(document);
  throw new CommandFailed(`${from} is neither a Procfile, a pm2 ecosystem file nor a compose file`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UsageError(`--from: ${path} does not exist`);
    throw new CommandFailed(`--from: ${path}: ${reasonOf(error)}`);
  }
}

function parsed(text: string, path: string): unknown {
  try {
    return parse(text, { merge: true });
  } catch (error) {
    throw new CommandFailed(`--from: ${path}: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}

/** An ecosystem file is a program; whoever names it wants it run. */
function evaluated(path: string): unknown {
  try {
    const module: unknown = createRequire(path)(path);
    return fieldsOf(module)['default'] ?? module;
  } catch (error) {
    throw new CommandFailed(`--from: ${path} cannot be evaluated: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}

function fileText({ name, command, keys, cwd, notes }: ForeignService, folder: string, from: string): string {
  const place = isAbsolute(cwd) ? cwd : relative(folder, resolve(dirname(from), cwd)) || '.';
  const taken = Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [key, key === 'env-file' ? moved(value, folder, from) : value]),
  );
  const lines = stringify({ name, command, cwd: place, ...taken }, { lineWidth: 0, defaultStringType: 'PLAIN' });
  return `${HEAD}# From ${basename(from)}.\n${notes.map(note => `# ${note}\n`).join('')}${lines}`;
}

/** Paths of the other file, as seen from ours. */
function moved(value: unknown, folder: string, from: string): unknown {
  const one = (path: unknown) => relative(folder, resolve(dirname(from), String(path)));
  return Array.isArray(value) ? value.map(one) : one(value);
}

function exampleFor(folder: string): NewFile {
  const name = sanitisedName(basename(resolve(folder))) || 'service';
  return { path: join(folder, 'agent-watch.yaml'), text: exampleText(name, JSON.stringify(guessedCommand(folder))) };
}

/** What a project of that look is started with. */
function guessedCommand(folder: string): string[] {
  const has = (file: string) => existsSync(join(folder, file));
  for (const script of ['main.py', 'app.py', 'bot.py', 'agent.py']) if (has(script)) return ['python3', script];
  if (has('package.json')) return ['npm', 'start'];
  for (const script of ['index.js', 'server.js', 'main.js']) if (has(script)) return ['node', script];
  return ['sh', '-c', 'while :; do date; sleep 60; done'];
}

const exampleText = (
  name: string,
  command: string,
) => `${HEAD}# One service. Every key is also an option: agent-watch --help all explains them.
#   agent-watch check agent-watch.yaml    validates this file, starts nothing
#   agent-watch apply agent-watch.yaml    starts the service, or restarts it if this file has changed

name: ${name}

# The program and its arguments, one item each; no shell. A relative path is taken from cwd.
command: ${command}
# cwd: .                      # default: the directory of this file
# env: {MODE: production}     # secrets belong in env-file, or in the environment of who starts it
# env-file: .env

# When to restart, and how long to wait before it
# restart: always             # always, on-failure, never
# backoff: 1s                 # doubles with each crash, up to backoff-max
# backoff-max: 1h
# stop-timeout: 10s           # then SIGKILL, to the whole process tree

# Alive is not working: restart it when it stops working
# stale-after: 20m            # no output for so long
# http: {url: http://127.0.0.1:8080/health, interval: 30s}
# max-memory: 2G

# Stop it for good when a number goes wrong; only agent-watch reset starts it again
# kill-when: daily_loss > 10
# metrics: metrics.json

# Who is told
# alert-webhook: '@webhook-url.txt'    # a file with the address: Slack, Discord, ntfy or generic JSON
`;

type CheckInvocation = Extract<Invocation, { kind: 'check' }>;

/** Shows what each file would run, and every fault of every file. Starts and changes nothing. */
export async function checkCommand(invocation: CheckInvocation): Promise<number> {
  const { services, faults } = await readFleet(invocation);
  const here = ownEnvironment();
  const missing: string[] = [];
  print(
    services
      .map(service => {
        const { words, missing: why } = resolvedCommand(service.settings, here);
        if (why !== null) missing.push(`${service.shown}: command: ${why}`);
        return `${checkedText(service, words)}\n`;
      })
      .join('\n'),
  );
  for (const fault of [...faults, ...missing]) process.stderr.write(`agent-watch: ${fault}\n`);
  if (faults.length > 0) return EXIT.usage;
  return missing.length > 0 ? EXIT.notWell : EXIT.ok;
}

function checkedText({ shown, settings }: Described, words: readonly string[]): string {
  const { identity, restart, health, alerts } = settings;
  const rows: [string, string][] = [
    ['file', shown],
    ['command', words.map(shellWord).join(' ')],
    ['cwd', identity.cwd],
    ['environment', Object.keys(identity.env).join(', ')],
    ['starts', startText(settings)],
    ['stop', `${restart.stopSignal}, SIGKILL after ${durationText(restart.stopTimeoutMs)}`],
    ...health.probes.map((probe): [string, string] => ['probe', `${probe.name} (${probe.severity})`]),
    ['kill when', health.killWhen ?? ''],
    ['alerts', alertText(alerts)],
  ];
  const lines = rows.filter(([, text]) => text !== '').map(([key, text]) => `  ${key.padEnd(12)} ${text}`);
  return [identity.name, ...lines].join('\n');
}

function startText({ restart }: Settings): string {
  if (restart.schedule !== null) return `${restart.schedule} (${restart.timezone} time)`;
  return `at once; restarted ${restart.restart === 'always' ? 'after every exit' : restart.restart === 'never' ? 'never' : 'on failure'}`;
}

function alertText({ webhooks, commands, files }: Settings['alerts']): string {
  const count = webhooks.length + commands.length + files.length;
  return count === 0 ? 'none' : `${count} ${count === 1 ? 'target' : 'targets'}`;
}
