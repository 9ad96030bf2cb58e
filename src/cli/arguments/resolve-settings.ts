/** The settings of a command to watch: flags over file over defaults. */

import { type Stats, statSync } from 'node:fs';
import { basename } from 'node:path';
import { defaultStateDir, type Environment } from '../environment.ts';
import { type OptionName, type OptionValues, optionRow, watchOptionNames } from '../options/index.ts';
import type { RawValue } from '../options/option.ts';
import { at, quoted, UsageError } from '../usage-error.ts';
import { absoluteText, readPath } from '../values/words.ts';
import type { CommandLine } from './argv.ts';
import type { ConfigFile } from './config.ts';
import type { GivenOption, IdentitySettings, RawValues, Settings } from './invocation.ts';
import {
  alertSettings,
  diagnosisSettings,
  judgeSettings,
  outputSettings,
  readValues,
  refuseWithoutPartner,
  restartSettings,
  serviceSettings,
  withOptionVariables,
} from './resolve-options.ts';
import { healthSettings } from './resolve-probes.ts';

/**
 * Reads lines of `KEY=value`, as shells, systemd and Docker's users write them: `export` before the name, blank lines
 * and lines that begin with # are passed over; single quotes keep all as it is, double quotes know \n \t \r \" \\ \$;
 * a quoted value may go over lines; an unquoted one ends before a blank and #. Nothing is expanded.
 *
 * @throws UsageError naming file and line.
 */
export function readEnvFile(text: string, shownPath: string): Record<string, string> {
  const values: [string, string][] = [];
  let rest = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  let line = 1;
  while (rest !== '') {
    const taken = at(`${shownPath}:${line}`, () => takeEntry(rest));
    if (taken.entry !== null) values.push(taken.entry);
    line += rest.slice(0, taken.length).split('\n').length - 1;
    rest = rest.slice(taken.length);
  }
  return Object.fromEntries(values);
}

interface Taken {
  readonly entry: [string, string] | null;
  /** How many characters it took, the line's end included. */
  readonly length: number;
}

function takeEntry(text: string): Taken {
  const blank = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(text);
  if (blank !== null) return { entry: null, length: blank[0].length };
  const head = /^[ \t]*(?:export[ \t]+)?([^\s=#'"]+)[ \t]*=[ \t]*/.exec(text);
  if (head === null) throw new UsageError(`${quoted(text.split('\n', 1)[0]!.slice(0, 20))} is not KEY=value`);
  const after = text.slice(head[0].length);
  const value = takeValue(after, head[1]!);
  if (value.text.includes('\0')) throw new UsageError(`${head[1]} contains a NUL byte`);
  return { entry: [head[1]!, value.text], length: head[0].length + value.length };
}

function takeValue(text: string, key: string): { readonly text: string; readonly length: number } {
  const quote = text[0];
  if (quote !== "'" && quote !== '"') {
    const [whole] = /^[^\n]*\n?/.exec(text)!;
    return { text: whole.replace(/(?:^|\s)#.*$/s, '').trim(), length: whole.length };
  }
  const pattern =
    quote === "'" ? /^'([^']*)'[ \t]*(?:#[^\n]*)?(?:\n|$)/ : /^"((?:[^"\\]|\\[\s\S])*)"[ \t]*(?:#[^\n]*)?(?:\n|$)/;
  const match = pattern.exec(text);
  if (match === null) throw new UsageError(`the value of ${key} has no closing quote, or something after it`);
  return { text: quote === "'" ? match[1]! : unescaped(match[1]!), length: match[0].length };
}

function unescaped(text: string): string {
  const known: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\n': '' };
  return text.replace(
    /\\([\s\S])/g,
    (both, character: string) => known[character] ?? (/["\\$`]/.test(character) ? character : both),
  );
}

/**
 * One validated Settings from a command line and, if there is one, a file.
 *
 * @throws UsageError, with nothing started.
 */
export async function watchSettings(line: CommandLine, file: ConfigFile | null, here: Environment): Promise<Settings> {
  const raw = layered(withOptionVariables(rawFlags(line, here), here), file);
  refuseWithoutPartner(raw);
  const values = readValues(watchOptionNames, raw);
  const command = commandOf(line, file);
  const identity = await identityOf(values, raw, command, here);
  return {
    command,
    commandGiven: line.command !== null,
    configFile: file?.path ?? null,
    configText: file?.text ?? null,
    written: raw,
    given: givenOptions(line, here),
    identity,
    restart: restartSettings(values, raw),
    health: healthSettings(values, raw, identity.cwd),
    output: outputSettings(values, raw, here),
    diagnosis: diagnosisSettings(values),
    judge: await withRubric(judgeSettings(values), raw),
    alerts: alertSettings(values, raw, here),
    service: serviceSettings(values),
  };
}

/** The options of the command line as raw values, relative to where we were started. */
export function rawFlags(line: CommandLine, here: Environment): RawValues {
  const flags = new Map<OptionName, readonly RawValue[]>();
  for (const [name, texts] of line.given)
    flags.set(
      name,
      texts.map(text => ({ text, base: here.cwd, where: `--${name}` })),
    );
  return flags;
}

/** A flag takes the place of the file's key; variables of the child add up, the flag's last and so the one that counts. */
function layered(flags: RawValues, file: ConfigFile | null): RawValues {
  if (file === null) return flags;
  const all = new Map<OptionName, readonly RawValue[]>([...file.values, ...flags]);
  for (const name of ['env', 'env-file'] as const) {
    const both = [...(file.values.get(name) ?? []), ...(flags.get(name) ?? [])];
    if (both.length > 0) all.set(name, both);
  }
  return all;
}

function commandOf(line: CommandLine, file: ConfigFile | null): readonly string[] {
  const command = line.command ?? file?.command ?? null;
  const prefix = line.word === 'watch' ? 'agent-watch' : `agent-watch ${line.word}`;
  if (command === null)
    throw new UsageError(
      file === null
        ? `no command to watch; write: ${prefix} -- command`
        : `no command to watch: neither after -- nor as the key "command" of ${file.path}`,
    );
  if (command.length === 0) throw new UsageError(`no command after --; write: ${prefix} -- command`);
  if (command[0] === '') throw new UsageError('the command to watch is empty');
  return command;
}

async function identityOf(
  values: OptionValues,
  raw: RawValues,
  command: readonly string[],
  here: Environment,
): Promise<IdentitySettings> {
  return {
    name: values.name ?? (await import('../naming/default-name.ts')).defaultName(command),
    nameGiven: values.name !== null,
    stateDir: values['state-dir'] ?? defaultStateDir(here),
    cwd: existingFolder(values.cwd, raw) ?? here.cwd,
    env: await childVariables(values, raw),
    stdin: stdinOf(values),
  };
}

/** Looked at now: a rubric that is not there must not be missed at night. One that others may write is refused. */
async function withRubric(judge: Settings['judge'], raw: RawValues): Promise<Settings['judge']> {
  if (judge === null) return null;
  const { readTrustedFile } = await import('../../host/trusted-file.ts');
  const { where, text } = raw.get('judge')![0]!;
  const read = readTrustedFile(judge.rubric);
  if ('refused' in read) throw new UsageError(`${where}: ${text} ${read.refused}`);
  if (read.text.trim() === '') throw new UsageError(`${where}: ${text} is empty; write what a good output is`);
  return judge;
}

function stdinOf(values: OptionValues): IdentitySettings['stdin'] {
  const { stdin } = values;
  if (stdin !== null && typeof stdin === 'object' && values['feed-last-output'])
    throw new UsageError('--stdin FILE and --feed-last-output are two inputs for one run; give one of them');
  return stdin ?? 'auto';
}

function existingFolder(path: string | null, raw: RawValues): string | null {
  if (path === null) return null;
  return at(raw.get('cwd')?.[0]?.where ?? '--cwd', () => {
    const stats = statsOf(path);
    if (stats === undefined) throw new UsageError(`the folder ${path} does not exist`);
    if (!stats.isDirectory()) throw new UsageError(`${path} is not a directory`);
    return path;
  });
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new UsageError(`the folder ${path} cannot be accessed: ${(error as Error).message}`);
  }
}

async function childVariables(values: OptionValues, raw: RawValues): Promise<Record<string, string>> {
  const pairs: [string, string][] = [];
  if (values['env-file'].length > 0) {
    const { readTrustedFile } = await import('../../host/trusted-file.ts');
    values['env-file'].forEach((path, index) => {
      const { where, text } = raw.get('env-file')![index]!;
      const file = readTrustedFile(path);
      if ('refused' in file) throw new UsageError(`${where}: ${text} ${file.refused}`);
      pairs.push(...Object.entries(at(where, () => readEnvFile(file.text, text))));
    });
  }
  for (const { key, value } of values.env) pairs.push([key, value]);
  return Object.fromEntries(pairs);
}

/** The options of the command line as they can be written again anywhere. */
export function givenOptions(line: CommandLine, here: Environment): GivenOption[] {
  const given: GivenOption[] = [];
  for (const name of watchOptionNames)
    for (const text of line.given.get(name) ?? [])
      given.push({ name, text: absoluteText(optionRow(name).kind, text, here.cwd) });
  return given;
}

// Which settings a command line and its --config come to: one watcher, or a fleet.

/** One process, one file. */
export async function oneSettings(line: CommandLine, here: Environment): Promise<Settings> {
  const shown = line.given.get('config')?.[0];
  if (shown === undefined) return await watchSettings(line, null, here);
  const { readConfigFile } = await import('./config.ts');
  return await watchSettings(line, readConfigFile(configPath(shown, here), shown), here);
}

/** start and install take a folder too: each of its files is a watcher of its own. */
export async function fleetSettings(line: CommandLine, here: Environment): Promise<Settings[]> {
  const shown = line.given.get('config')?.[0];
  if (shown === undefined) return [await watchSettings(line, null, here)];
  const { isFolder, readConfigFolder } = await import('./config.ts');
  const path = configPath(shown, here);
  if (!isFolder(path)) return [await oneSettings(line, here)];
  const files = readConfigFolder(path, shown);
  if (files.length > 1 && (line.given.has('name') || line.command !== null))
    throw new UsageError(
      `--config: ${shown} holds ${files.length} files; a name or a command on the command line fits one only`,
    );
  const fleet: Settings[] = [];
  for (const file of files) fleet.push(await watchSettings(line, file, here));
  refuseSharedNames(fleet);
  return fleet;
}

function configPath(shown: string, here: Environment): string {
  return at('--config', () => {
    if (shown === '') throw new UsageError('the value is empty');
    return readPath(shown, here.cwd);
  });
}

/** A fleet's files must not share a name: the second watcher would be refused when it is too late to ask. */
function refuseSharedNames(fleet: readonly Settings[]): void {
  const owners = new Map<string, string>();
  for (const { identity, configFile } of fleet) {
    const file = basename(configFile ?? '');
    const owner = owners.get(identity.name);
    if (owner !== undefined)
      throw new UsageError(`${owner} and ${file} are both named ${identity.name}; give each a "name" of its own`);
    owners.set(identity.name, file);
  }
}
