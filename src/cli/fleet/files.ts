/** Services by their files: what apply, down and check read. */
import { basename, dirname, join, resolve } from 'node:path';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { readTrustedFile } from '../../host/trusted-file.ts';
import { readService } from '../../state/read-status.ts';
import { type ConfigFile, configNames, isFolder, readConfig } from '../arguments/config.ts';
import type { FileSelection, Settings } from '../arguments/invocation.ts';
import { watchSettings } from '../arguments/resolve-settings.ts';
import { type Environment, ownEnvironment } from '../environment.ts';
import { defaultName, nameWithFolderHash } from '../naming/default-name.ts';
import { type OptionName, optionRow } from '../options/index.ts';
import { readValue } from '../options/option.ts';
import { CommandFailed, UsageError } from '../usage-error.ts';
import { sanitisedName } from '../values/words.ts';

/** A file and the service that it describes. */
export interface Described {
  /** Absolute, and as it was written. */
  readonly path: string;
  readonly shown: string;
  readonly settings: Settings;
}

/** What the files of a selection come to: services, or what is wrong with any of them. */
export interface Fleet {
  readonly services: readonly Described[];
  /** All faults of all files, a line each. */
  readonly faults: readonly string[];
  /** The folders that were named, absolute: where a file that is gone means a service that is no longer wanted. */
  readonly folders: readonly string[];
}

/** Reads all files, however broken some of them are. */
export async function readFleet({ paths, stateDir }: FileSelection): Promise<Fleet> {
  const here = ownEnvironment();
  const faults: string[] = [];
  const services: Described[] = [];
  for (const { path, shown } of filesOf(paths, here.cwd, faults)) {
    const settings = await describedBy(path, shown, stateDir, here, faults);
    if (settings !== null) services.push({ path, shown, settings });
  }
  faults.push(...sharedNames(services));
  const folders = paths.map(path => resolve(here.cwd, path)).filter(isFolder);
  return { services, faults, folders };
}

/** The same where anything that is wrong means that nothing is done. */
export async function readWholeFleet(selection: FileSelection): Promise<Fleet> {
  const fleet = await readFleet(selection);
  if (fleet.faults.length === 0) return fleet;
  for (const fault of fleet.faults.slice(0, -1)) process.stderr.write(`agent-watch: ${fault}\n`);
  throw new UsageError(fleet.faults.at(-1) ?? '');
}

function filesOf(paths: readonly string[], cwd: string, faults: string[]): { path: string; shown: string }[] {
  const files = new Map<string, string>();
  for (const shown of paths) {
    const path = resolve(cwd, shown);
    if (!isFolder(path)) files.set(path, shown);
    else
      collect(faults, () => {
        for (const name of configNames(path, shown)) files.set(join(path, name), join(shown, name));
      });
  }
  return [...files].map(([path, shown]) => ({ path, shown }));
}

async function describedBy(
  path: string,
  shown: string,
  stateDir: string,
  here: Environment,
  faults: string[],
): Promise<Settings | null> {
  const before = faults.length;
  const read = readTrustedFile(path);
  if ('refused' in read) {
    faults.push(`${shown} ${read.refused}`);
    return null;
  }
  const file = collect(faults, () => readConfig(read.text, path, shown, fault => faults.push(fault.message)));
  if (file === null) return null;
  for (const [option, values] of file.values)
    for (const value of values) collect(faults, () => readValue(optionRow(option), value));
  if (file.command === null && faults.length === before) faults.push(`${shown}: has no command; write command: [...]`);
  if (faults.length > before) return null;
  try {
    return await watchSettings(commandLine(file, stateDir), file, here);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    faults.push(error.message.startsWith(shown) ? error.message : `${shown}: ${error.message}`);
    return null;
  }
}

/** The command line that starts the file's service: with a name and a folder that do not depend on where we are. */
function commandLine(file: ConfigFile, stateDir: string) {
  const given = new Map<OptionName, readonly string[]>([['state-dir', [stateDir]]]);
  const written = file.values.get('cwd')?.[0];
  const cwd = written === undefined ? dirname(file.path) : resolve(written.base, written.text);
  if (written === undefined) given.set('cwd', [cwd]);
  if (!file.values.has('name')) given.set('name', [nameOf(file, cwd, stateDir)]);
  return { word: 'start' as const, typed: 'apply', given, operands: [], command: null };
}

/** The file's own name; but a service that was already named after its command, from the same folder, keeps that name. */
function nameOf({ path, command }: ConfigFile, cwd: string, stateDir: string): string {
  const byCommand = defaultName(command ?? []);
  const own = [byCommand, nameWithFolderHash(byCommand, cwd)].find(name => {
    const known = readService<Snapshot>(stateDir, name, readSnapshot, () => true).state;
    return known !== null && known.cwd === cwd && JSON.stringify(known.command) === JSON.stringify(command);
  });
  return own ?? (sanitisedName(basename(path).replace(/\.(?:ya?ml|json)$/, '')) || byCommand);
}

function sharedNames(services: readonly Described[]): string[] {
  const owners = new Map<string, string>();
  return services.flatMap(({ shown, settings }) => {
    const { name } = settings.identity;
    const owner = owners.get(name);
    owners.set(name, shown);
    return owner === undefined ? [] : [`${owner} and ${shown} are both named ${name}; give each a "name" of its own`];
  });
}

/** Runs it; a fault that it throws is put on the list, and null returned. */
function collect<T>(faults: string[], run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof CommandFailed)) throw error;
    faults.push(error.message);
    return null;
  }
}
