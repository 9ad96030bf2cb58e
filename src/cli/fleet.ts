/** Which settings a command line and its --config come to: one watcher, or a fleet. */
import { basename } from 'node:path';
import type { CommandLine } from './argv.ts';
import type { Surroundings } from './environment.ts';
import type { Settings } from './settings.ts';
import { at, UsageError } from './usage-error.ts';
import { readPath } from './values/places.ts';
import { watchSettings } from './watch-settings.ts';

/** One process, one file. */
export async function oneSettings(line: CommandLine, here: Surroundings): Promise<Settings> {
  const shown = line.given.get('config')?.[0];
  if (shown === undefined) return await watchSettings(line, null, here);
  const { readConfigFile } = await import('./config.ts');
  return await watchSettings(line, readConfigFile(configPath(shown, here), shown), here);
}

/** start and install take a folder too: each of its files is a watcher of its own. */
export async function fleetSettings(line: CommandLine, here: Surroundings): Promise<Settings[]> {
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

function configPath(shown: string, here: Surroundings): string {
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
