import { EXIT } from '../../core/signals.ts';
import type { GivenOption, Invocation, Settings } from '../arguments/invocation.ts';
import { ownEnvironment } from '../environment.ts';
import { copyPath, digestOf, type KeptSettings, readKeptSettings, type Withheld } from '../fleet/kept-settings.ts';
import { type Launched, launch, linesToStderr } from '../fleet/launch.ts';
import { actOnAll, type Done, type Service } from '../fleet/select.ts';
import type { OptionName } from '../options/index.ts';
import { print } from '../render/terminal.ts';
import { refuseForeign } from '../service/plan.ts';
import { CommandFailed } from '../usage-error.ts';
import { replaceWatcher } from './apply.ts';
import { isOwnRun } from './delete.ts';
import { readStatus } from './status.ts';

type StartKnownInvocation = Extract<Invocation, { kind: 'start-known' }>;

/** Starts each watcher in a session of its own and says what came of it; the code is that of the first that failed. */
export async function startCommand(fleet: readonly Settings[]): Promise<number> {
  const results = await Promise.all(
    fleet.map(async settings => {
      const { name } = settings.identity;
      const launched = await launch(settings, linesToStderr(fleet.length > 1 ? name : null));
      say(name, launched);
      return launched.code;
    }),
  );
  return results.find(code => code !== EXIT.ok) ?? EXIT.ok;
}

function say(name: string, { text, code }: Launched): void {
  if (text === null) return;
  if (code === EXIT.ok || code === EXIT.held) print(`${name}: ${text}\n`);
  else process.stderr.write(`agent-watch: ${name}: ${text}\n`);
}

/** Starts services that are known here again, with the settings that each had last. */
export async function startKnownCommand(invocation: StartKnownInvocation): Promise<number> {
  const many = invocation.names.length !== 1;
  return await actOnAll(invocation, service => startKnown(service, invocation.given, many));
}

/** Starts one with the settings that it had last, some of them given anew. `many`: others speak at the same time. */
export async function startKnown(service: Service, overrides: readonly GivenOption[], many: boolean): Promise<Done> {
  const { stateDir, name } = service;
  const status = readStatus(stateDir, name);
  if (status !== null && status.watcherPid !== null) return running(status);
  await refuseForeign(name, null);
  const settings = await lastSettings(service, overrides);
  const { text, code } = await launch(settings, linesToStderr(many ? name : null));
  return { ok: code === EXIT.ok, text: text ?? `it ended at once, exit code ${code}` };
}

/**
 * Stops a service and starts it again under a new watcher, which runs this executable. The command is restarted too: the watcher holds
 * its pipes and reaps it. Refused where another program starts the watcher, since that one has to do it.
 */
export async function restartWatcher(service: Service): Promise<Done> {
  const { stateDir, name } = service;
  const { watcherPid, phase } = readStatus(stateDir, name) ?? { watcherPid: null, phase: null };
  if (watcherPid === null) return { ok: false, text: `not running; to start it: agent-watch start ${name}` };
  if (phase === 'cooldown')
    return { ok: false, text: 'restart is refused during a cooldown; reset ends it and starts at once' };
  if (isOwnRun(service)) return { ok: false, text: 'refused: this command is a part of its run' };
  await refuseForeign(name, watcherPid);
  const settings = await lastSettings(service, []);
  return await replaceWatcher(settings, 'watcher and command');
}

function running({ phase, watcherPid, childPid }: NonNullable<ReturnType<typeof readStatus>>): Done {
  if (phase === 'held') return { ok: false, text: 'held; agent-watch reset clears the hold and starts it' };
  const pid = childPid === null ? '' : `, pid ${childPid}`;
  return { ok: true, text: `already ${phase}${pid} (watcher ${watcherPid})` };
}

/**
 * The settings that a service had last, with some of its options given anew.
 * @throws CommandFailed if none are kept, or if secrets would be missing, which are not kept
 */
async function lastSettings(service: Service, overrides: readonly GivenOption[]): Promise<Settings> {
  const { stateDir, name } = service;
  const kept = readKeptSettings(stateDir, name);
  if (kept === null)
    throw new CommandFailed(
      `its settings are not known; start it once with: agent-watch start --name ${name} -- COMMAND`,
    );
  const { readConfigFile } = await import('../arguments/config.ts');
  const { watchSettings } = await import('../arguments/resolve-settings.ts');
  const original = kept.config === null ? null : unchangedConfig(kept.config, readConfigFile);
  if (kept.config !== null && original === null)
    process.stderr.write(
      `agent-watch: ${name}: ${kept.config.path} has changed since; using the settings that ${name} had last (agent-watch apply uses the new ones)\n`,
    );
  refuseMissingSecrets(name, kept, original !== null || kept.config === null, overrides);
  const path = copyPath(stateDir, name);
  const file = kept.config === null ? null : (original ?? readConfigFile(path, path));
  const options = kept.config !== null && original === null ? [] : withIdentity(kept, name, file?.values.has('cwd'));
  const line = {
    word: 'start' as const,
    typed: 'start',
    given: merged(options, overrides, stateDir),
    operands: [],
    command: kept.config !== null && original === null ? null : kept.command,
  };
  return await watchSettings(line, file, ownEnvironment());
}

/** The file as it was read last time; null if it says something else now, or is gone. */
function unchangedConfig(
  { path, digest }: NonNullable<KeptSettings['config']>,
  read: (path: string, shown: string) => import('../arguments/config.ts').ConfigFile,
) {
  try {
    const file = read(path, path);
    return digestOf(file.text) === digest ? file : null;
  } catch {
    // Gone, or broken meanwhile: what it said last is kept.
    return null;
  }
}

/** The same name and the same folder, wherever we are. */
function withIdentity({ given, cwd }: KeptSettings, name: string, cwdInFile = false): GivenOption[] {
  const has = (option: OptionName) => given.some(one => one.name === option);
  return [
    ...given,
    ...(has('name') ? [] : [{ name: 'name' as const, text: name }]),
    ...(has('cwd') || cwdInFile ? [] : [{ name: 'cwd' as const, text: cwd }]),
  ];
}

/** Options given now take the place of the kept ones; variables of the environment add up. */
function merged(kept: readonly GivenOption[], overrides: readonly GivenOption[], stateDir: string) {
  const given = new Map<OptionName, string[]>();
  for (const { name, text } of kept) given.set(name, [...(given.get(name) ?? []), text]);
  for (const name of new Set(overrides.map(one => one.name))) {
    const texts = overrides.filter(one => one.name === name).map(one => one.text);
    given.set(name, name === 'env' ? [...(given.get(name) ?? []), ...texts] : texts);
  }
  return given.set('state-dir', [stateDir]);
}

function refuseMissingSecrets(
  name: string,
  { withheld, withheldOfFile }: KeptSettings,
  fileIsThere: boolean,
  overrides: readonly GivenOption[],
): void {
  const needed = fileIsThere ? withheld : [...withheld, ...withheldOfFile];
  const missing = needed.filter(one => !isGiven(one, overrides));
  if (missing.length === 0) return;
  const shown = missing.map(one => (one.variable === null ? `--${one.name}` : `--env ${one.variable}`));
  const again = missing.map(one => (one.variable === null ? `--${one.name} …` : `--env ${one.variable}=…`));
  throw new CommandFailed(
    `secrets are not kept, and these are missing: ${shown.join(', ')}; write: agent-watch start ${name} ${again.join(' ')}`,
  );
}

function isGiven({ name, variable }: Withheld, overrides: readonly GivenOption[]): boolean {
  if (variable !== null && process.env[variable] !== undefined) return true;
  return overrides.some(one => one.name === name && (variable === null || one.text.startsWith(`${variable}=`)));
}
