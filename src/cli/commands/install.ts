import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { EXIT } from '../../core/signals.ts';
import { reasonOf } from '../../host/read-file.ts';
import { runTool } from '../../host/run-command.ts';
import { openStateFolder } from '../../state/state-folder.ts';
import type { InstallFormat, Invocation, ServiceScope } from '../arguments/invocation.ts';
import { ownEnvironment } from '../environment.ts';
import { print } from '../render/terminal.ts';
import {
  lingers,
  type PlannedService,
  planService,
  plistPath,
  SECRETS_FILE,
  systemctl,
  systemdRuns,
  unitPath,
} from '../service/plan.ts';
import {
  crontabLine,
  crontabMark,
  environmentFileText,
  fitsCrontab,
  fitsPlist,
  launchdPlist,
  plistLabel,
  rewriteCrontab,
  systemdUnit,
  unitName,
} from '../service/systemd-unit.ts';
import { CommandFailed, UsageError } from '../usage-error.ts';

type InstallInvocation = Extract<Invocation, { kind: 'install' }>;

/** Installs a service for each watcher, or only prints what it would install. */
export async function installCommand({ settings, print: onlyPrint, ...asked }: InstallInvocation): Promise<number> {
  const here = ownEnvironment();
  const format = asked.format ?? (process.platform === 'darwin' ? 'launchd' : 'systemd');
  const scope = asked.scope ?? (here.uid === 0 ? 'system' : 'user');
  const services = settings.map(one => planService(one, scope, here));
  for (const service of services) refuseUnfit(service, format);
  return onlyPrint ? printed(services, format, scope) : await installed(services, format, scope);
}

function printed(services: readonly PlannedService[], format: InstallFormat, scope: ServiceScope): number {
  print(services.map(service => textOf(service, format, scope)).join('\n'));
  for (const { notes, missing, plan, secrets } of services) {
    for (const note of notes) say(`${plan.name}: ${note}`);
    if (missing !== null) say(`${plan.name}: ${missing}`);
    if (plan.environmentFile !== null)
      say(
        `${plan.name}: installing it would also write ${plan.environmentFile} (0600): ${Object.keys(secrets).join(', ')}`,
      );
  }
  return EXIT.ok;
}

async function installed(
  services: readonly PlannedService[],
  format: InstallFormat,
  scope: ServiceScope,
): Promise<number> {
  refuseImpossible(format, scope);
  for (const { plan, missing } of services) {
    if (missing === null) continue;
    process.stderr.write(`agent-watch: ${plan.name}: ${missing}\n`);
    return EXIT.notFound;
  }
  for (const service of services) {
    const { plan, notes } = service;
    writeSecrets(service);
    for (const note of notes) say(`${plan.name}: ${note}`);
    for (const [name, value] of Object.entries(plan.environment)) tell(`${plan.name}: environment ${name}=${value}`);
    if (plan.environmentFile !== null)
      tell(`${plan.name}: ${Object.keys(service.secrets).join(', ')} in ${plan.environmentFile} (0600)`);
  }
  if (format === 'crontab') return await intoCrontab(services);
  return format === 'systemd' ? await intoSystemd(services, scope) : await intoLaunchd(services, scope);
}

function textOf({ plan, stateDir }: PlannedService, format: InstallFormat, scope: ServiceScope): string {
  if (format === 'systemd') return systemdUnit(plan);
  if (format === 'crontab') return crontabLine(plan);
  return launchdPlist({ ...plan, scope }, join(stateDir, plan.name, 'watcher.err'));
}

function refuseUnfit({ plan }: PlannedService, format: InstallFormat): void {
  const words = [...plan.program, ...plan.args, ...Object.values(plan.environment)];
  if (format === 'crontab' && !words.every(fitsCrontab))
    throw new UsageError(
      `${plan.name}: a line of a crontab cannot hold a line end, which the command or an option has`,
    );
  if (format === 'launchd' && !words.every(fitsPlist))
    throw new UsageError(
      `${plan.name}: a property list cannot hold a control character, which the command or an option has`,
    );
}

/** Where nothing would run what is installed, that is said now and not at the next boot. */
function refuseImpossible(format: InstallFormat, scope: ServiceScope): void {
  if (format === 'launchd' && process.platform !== 'darwin')
    throw new UsageError('launchd is not available; --print shows the property list');
  if (format === 'systemd' && !systemdRuns())
    throw new UsageError(
      'no systemd runs here; install --format crontab starts it at boot by cron, install --print shows the unit',
    );
  if (format !== 'crontab' && scope === 'system' && process.getuid?.() !== 0)
    throw new UsageError('only root installs for the system; --user installs for yourself, --print shows the unit');
}

async function intoSystemd(services: readonly PlannedService[], scope: ServiceScope): Promise<number> {
  const units = services.map(({ plan }) => unitName(plan.name));
  const again = services.filter(({ plan }) => exists(unitPath(plan.name, scope)));
  for (const { plan } of services) writeWhole(unitPath(plan.name, scope), systemdUnit(plan), 0o644);
  for (const args of [['daemon-reload'], ['enable', '--now', ...units]]) {
    const { code, complaint } = await runTool(systemctl(scope, ...args));
    if (code === 0) continue;
    process.stderr.write(`agent-watch: systemctl ${args.join(' ')} failed: ${complaint.trim()}\n`);
    return EXIT.usage;
  }
  for (const { plan } of services)
    tell(`${plan.name}: ${unitPath(plan.name, scope)} is installed, enabled and started`);
  for (const { plan } of again)
    say(`${plan.name}: it was already installed; restart the unit to apply what has changed`);
  const { username } = userInfo();
  if (scope === 'user' && !lingers(username))
    say(`it runs only while you are logged in; loginctl enable-linger ${username} lets it run from boot`);
  return EXIT.ok;
}

async function intoLaunchd(services: readonly PlannedService[], scope: ServiceScope): Promise<number> {
  for (const service of services) {
    const path = plistPath(service.plan.name, scope);
    writeWhole(path, textOf(service, 'launchd', scope), 0o644);
    const domain = scope === 'system' ? 'system' : `gui/${process.getuid?.() ?? 0}`;
    const { code, complaint } = await runTool(['launchctl', 'bootstrap', domain, path]);
    if (code !== 0) {
      process.stderr.write(`agent-watch: launchctl bootstrap failed: ${complaint.trim()}\n`);
      return EXIT.usage;
    }
    tell(`${service.plan.name}: ${path} is installed and started`);
  }
  return EXIT.ok;
}

async function intoCrontab(services: readonly PlannedService[]): Promise<number> {
  const lines = services.map(({ plan }) => crontabLine(plan));
  const marks = services.map(({ plan }) => crontabMark(plan.name));
  await rewriteCrontab(kept => [...kept.filter(line => !marks.some(mark => line.endsWith(mark))), ...lines]);
  for (const { plan } of services)
    tell(`${plan.name}: cron starts it at the next boot; agent-watch start … starts it now`);
  return EXIT.ok;
}

/** The file that only the owner reads, in the folder of the name. */
function writeSecrets({ plan, secrets, stateDir }: PlannedService): void {
  if (plan.environmentFile === null) return;
  const place = openStateFolder(stateDir, plan.name);
  try {
    if (place.unwritable !== null) throw new UsageError(place.unwritable);
    writeWhole(plan.environmentFile, environmentFileText(secrets), 0o600);
  } finally {
    place.close();
  }
}

/** In one step, so that no reader finds half of it, and with its mode from the first byte on. */
function writeWhole(path: string, text: string, mode: number): void {
  const beside = `${path}.new-${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(beside, text, { mode, flag: 'wx' });
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new UsageError(`${path} cannot be written: ${reasonOf(error)}`);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function tell(line: string): void {
  print(`${line}\n`);
}

function say(line: string): void {
  process.stderr.write(`agent-watch: ${line}\n`);
}

type UninstallInvocation = Extract<Invocation, { kind: 'uninstall' }>;

/** Takes away what install has put in place under a name: stops it, and removes its files. State, log and incidents stay. */
export async function uninstallCommand({ name, scope, stateDir }: UninstallInvocation): Promise<number> {
  const scopes: ServiceScope[] = scope === null ? ['system', 'user'] : [scope];
  const removed: string[] = [];
  const secrets = new Set([join(stateDir, name, SECRETS_FILE)]);
  for (const one of scopes) {
    if (exists(unitPath(name, one))) {
      for (const path of secretsOf(unitPath(name, one))) secrets.add(path);
      removed.push(await removeUnit(name, one));
    }
    if (exists(plistPath(name, one))) removed.push(await removePlist(name, one));
  }
  if (await outOfCrontab(name)) removed.push('its line in the crontab');
  if (removed.length === 0) throw new CommandFailed(`${name} is not installed`, EXIT.unknownName);
  for (const path of secrets) if (exists(path)) removed.push(remove(path));
  print(removed.map(what => `${name}: removed ${what}\n`).join(''));
  return EXIT.ok;
}

/** Our files that the unit reads: its state folder need not be the usual one. */
function secretsOf(unit: string): string[] {
  const named = readFileSync(unit, 'utf8').matchAll(/^EnvironmentFile=-?(.+)$/gm);
  return [...named].map(([, path = '']) => path.replaceAll('%%', '%')).filter(path => basename(path) === SECRETS_FILE);
}

/** First it is stopped, while systemd still knows it. */
async function removeUnit(name: string, scope: ServiceScope): Promise<string> {
  const runs = systemdRuns();
  if (runs) {
    const { code, complaint } = await runTool(systemctl(scope, 'disable', '--now', unitName(name)));
    if (code !== 0) throw new UsageError(`systemctl disable --now failed: ${complaint.trim()}`);
  }
  const path = remove(unitPath(name, scope));
  if (runs) {
    await runTool(systemctl(scope, 'daemon-reload'));
    // One that had failed would stay in the lists; one that had not is no error that matters.
    await runTool(systemctl(scope, 'reset-failed', unitName(name)));
  }
  return path;
}

async function removePlist(name: string, scope: ServiceScope): Promise<string> {
  const domain = scope === 'system' ? 'system' : `gui/${process.getuid?.() ?? 0}`;
  // It fails where the job is not loaded, which is what is wanted.
  await runTool(['launchctl', 'bootout', `${domain}/${plistLabel(name)}`]);
  return remove(plistPath(name, scope));
}

async function outOfCrontab(name: string): Promise<boolean> {
  if ((await runTool(['crontab', '-l'])).code !== 0) return false;
  return await rewriteCrontab(lines => lines.filter(line => !line.endsWith(crontabMark(name))));
}

function remove(path: string): string {
  try {
    rmSync(path);
    return path;
  } catch (error) {
    throw new UsageError(`${path} cannot be removed: ${reasonOf(error)}`);
  }
}
