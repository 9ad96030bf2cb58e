import { readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EXIT } from '../../core/exit-code.ts';
import { reasonOf } from '../../host/errno.ts';
import { runTool } from '../../host/run-command.ts';
import type { Invocation, ServiceScope } from '../arguments/invocation.ts';
import { print } from '../render/terminal.ts';
import { crontabMark, rewriteCrontab } from '../service/crontab.ts';
import { plistLabel } from '../service/launchd-plist.ts';
import { plistPath, SECRETS_FILE, systemctl, systemdRuns, unitPath } from '../service/plan.ts';
import { unitName } from '../service/systemd-unit.ts';
import { UsageError } from '../usage-error.ts';

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
  if (removed.length === 0) throw new UsageError(`${name} is not installed`);
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

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
