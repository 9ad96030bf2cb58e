/** From settings to what a service manager is to run: what everybody may see, and what only the owner may. */
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { longestStopMs } from '../../core/requests.ts';
import { whyNoLibc } from '../../host/libc.ts';
import { environmentOf as environmentOfProcess } from '../../host/process-facts.ts';
import { findProgram } from '../../host/run-command.ts';
import type { ServiceScope, Settings } from '../arguments/invocation.ts';
import { carryOptions, isSecret, optionVariablesOf } from '../arguments/secret-options.ts';
import { REPORT_VARIABLE } from '../console-log.ts';
import type { Environment } from '../environment.ts';
import { lastingProgram } from '../fleet/launch.ts';
import { ownName } from '../naming/default-name.ts';
import { CommandFailed } from '../usage-error.ts';
import { plistLabel, type ServicePlan, unitName } from './systemd-unit.ts';

export interface PlannedService {
  readonly plan: ServicePlan;
  readonly stateDir: string;
  /** What goes into the file of mode 0600, if anything. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What the user should know. */
  readonly notes: readonly string[];
  /** Why this cannot be installed: the command is not there. */
  readonly missing: string | null;
}

/** What a program may need of the shell in which it worked: where things are found, and how text and time are written. */
const NEEDED =
  /^(?:PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME|NODE_PATH|JAVA_HOME|GEM_HOME|GEM_PATH|LD_LIBRARY_PATH|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?:https?|all|no)_proxy|(?:HTTPS?|ALL|NO)_PROXY)$/;
const PROVIDERS: Readonly<Record<string, RegExp>> = {
  anthropic: /^ANTHROPIC_(?:API_KEY|AUTH_TOKEN|BASE_URL)$/,
  openai: /^OPENAI_(?:API_KEY|BASE_URL)$/,
  ollama: /^OLLAMA_HOST$/,
};
/** In the folder of the name. */
export const SECRETS_FILE = 'environment';

export function planService(settings: Settings, scope: ServiceScope, here: Environment): PlannedService {
  const { name } = ownName(settings);
  const stateDir = stateDirOf(settings, scope, here);
  const own = settings.given.filter(({ name: option }) => !['config', 'name', 'state-dir'].includes(option));
  const { args, env } = carryOptions(own);
  const { shown, secret } = environmentOf(settings, scope, here);
  const secrets = { ...secret, ...optionVariablesOf(here.env), ...env };
  const command = resolvedCommand(settings, here);
  const notifies = whyNoLibc() === null;
  return {
    plan: {
      name,
      scope,
      program: lastingProgram(),
      args: [
        ...(settings.configFile === null ? [] : ['--config', settings.configFile]),
        ...['--name', name, '--state-dir', stateDir],
        ...(needsCwd(settings, here) ? ['--cwd', settings.identity.cwd] : []),
        ...args,
        ...(settings.commandGiven ? ['--', ...command.words] : []),
      ],
      environment: shown,
      environmentFile: Object.keys(secrets).length === 0 ? null : join(stateDir, name, SECRETS_FILE),
      stopTimeoutMs: longestStopMs(settings.restart),
      once: settings.restart.restart === 'never',
      notifies,
    },
    stateDir,
    secrets,
    notes: notesOf(settings, secrets, notifies, here),
    missing: command.missing,
  };
}

/** The system's own folder, where a user plans for the system. */
function stateDirOf({ identity, given }: Settings, scope: ServiceScope, here: Environment): string {
  const named = given.some(option => option.name === 'state-dir') || here.env['AGENT_WATCH_STATE_DIR'];
  return scope === 'system' && here.uid !== 0 && !named ? '/var/lib/agent-watch' : identity.stateDir;
}

/** A service starts in `/`; where nothing else says so, the child is to run where it is installed. */
function needsCwd({ identity, given }: Settings, here: Environment): boolean {
  return identity.cwd === here.cwd && !given.some(option => option.name === 'cwd');
}

function environmentOf({ diagnosis, alerts }: Settings, scope: ServiceScope, here: Environment) {
  const shown: Record<string, string> = {};
  const secret: Record<string, string> = {};
  const provider = PROVIDERS[diagnosis.diagnose.kind];
  for (const name of ['PATH', ...Object.keys(here.env).sort()]) {
    const value = here.env[name];
    if (value === undefined) continue;
    const asked = provider?.test(name) === true || alerts.webhooks.some(({ from }) => from === name);
    if (asked || (NEEDED.test(name) && isSecret(name, value))) secret[name] = value;
    else if (NEEDED.test(name)) shown[name] = value;
  }
  // Root's own services get none; a user's systemd sets it.
  if (scope === 'system' && here.uid === 0) shown['HOME'] = here.env['HOME'] ?? homedir();
  return { shown, secret };
}

/** The command with its program as an absolute path: a service has another PATH, and another folder. */
export function resolvedCommand(
  { command, identity }: Settings,
  here: Environment,
): { words: string[]; missing: string | null } {
  const [program = '', ...rest] = command;
  const path = here.env['PATH'] ?? '/bin:/usr/bin';
  const found = findProgram(program, path, identity.cwd);
  if (found !== null) return { words: [found, ...rest], missing: null };
  if (!program.includes('/'))
    return { words: [program, ...rest], missing: `${program} was not found; searched PATH ${path}` };
  const there = resolve(identity.cwd, program);
  return { words: [there, ...rest], missing: `${there} does not exist or is not executable` };
}

function notesOf(
  { command, commandGiven }: Settings,
  secrets: Readonly<Record<string, string>>,
  notifies: boolean,
  here: Environment,
): string[] {
  const notes: string[] = [];
  if (!notifies) notes.push(`systemd is not notified (${whyNoLibc()}): Type=exec, no watchdog`);
  if (commandGiven && carriesSecret(command))
    notes.push('the command carries what looks like a key, which everybody can read there; pass it with --env instead');
  const left = Object.keys(here.env).filter(
    name => /_(?:API_KEY|TOKEN|SECRET|PASSWORD)$/.test(name) && !(name in secrets),
  );
  if (left.length > 0)
    notes.push(
      `set here, and not passed on: ${left.join(', ')}; --env NAME=value or --env-file FILE gives them to the command`,
    );
  return notes;
}

/** `--api-key sk-…`, `TOKEN=…`, or a word that is a key by its own form. */
function carriesSecret(command: readonly string[]): boolean {
  const text = command.map((word, index) => (command[index - 1]?.startsWith('--') ? `=${word}` : ` ${word}`)).join('');
  return isSecret('', text);
}

// Where service managers keep what is installed, and whether they run.

/** The unit file of a name. */
export function unitPath(name: string, scope: ServiceScope): string {
  if (scope === 'system') return join('/etc/systemd/system', unitName(name));
  const xdg = process.env['XDG_CONFIG_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.config'), 'systemd/user', unitName(name));
}

/** The property list of a name. */
export function plistPath(name: string, scope: ServiceScope): string {
  const folder = scope === 'system' ? '/Library/LaunchDaemons' : join(homedir(), 'Library/LaunchAgents');
  return join(folder, `${plistLabel(name)}.plist`);
}

/** Whether systemd is what runs this machine. Source: sd_booted(3). */
export function systemdRuns(): boolean {
  return isFolder('/run/systemd/system');
}

/** Whether this user's services go on without a login. */
export function lingers(user: string): boolean {
  return statSync(join('/var/lib/systemd/linger', user), { throwIfNoEntry: false }) !== undefined;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** systemctl for a scope. */
export function systemctl(scope: ServiceScope, ...args: string[]): string[] {
  return scope === 'user' ? ['systemctl', '--user', ...args] : ['systemctl', ...args];
}

/**
 * What a service manager runs is not for us to start or remove beside it.
 * @throws CommandFailed with `say` of the unit and of the systemctl that goes with it
 */
export async function refuseUnit(name: string, say: (unit: string, systemctl: string) => string): Promise<void> {
  for (const scope of ['system', 'user'] as const)
    if (isInstalled(name, scope)) throw new CommandFailed(say(unitName(name), systemctl(scope).join(' ')));
}

/**
 * A watcher that a service manager, a terminal or a container started is not ours to replace: nothing would stand in its place there.
 * @param watcherPid null if none runs
 * @param before what the reason is put behind
 * @throws CommandFailed
 */
export async function refuseForeign(name: string, watcherPid: number | null, before = ''): Promise<void> {
  const verb = watcherPid === null ? 'start' : 'restart';
  await refuseUnit(
    name,
    (unit, systemctl) => `${before}installed as ${unit}; ${verb} it with: ${systemctl} ${verb} ${unit}`,
  );
  // Null where there is no /proc: then nothing is known against it.
  const environment = watcherPid === null ? null : environmentOfProcess(watcherPid);
  if (environment !== null && environment[REPORT_VARIABLE] === undefined)
    throw new CommandFailed(
      `${before}its watcher (pid ${watcherPid}) was not started by agent-watch start; restart it where it was started: a terminal, a service manager, a container`,
    );
}

function isInstalled(name: string, scope: 'system' | 'user'): boolean {
  try {
    return existsSync(unitPath(name, scope));
  } catch {
    // No HOME, and no such user in /etc/passwd: then there are no units of this user's.
    return false;
  }
}
