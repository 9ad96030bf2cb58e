/** Where service managers keep what is installed, and whether they run. */
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { plistLabel } from '../host/launchd-plist.ts';
import { unitName } from '../host/systemd-unit.ts';
import type { ServiceScope } from './arguments/commands.ts';

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
