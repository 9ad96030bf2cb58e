import { existsSync } from 'node:fs';
import { CommandFailed } from '../usage-error.ts';
import { systemctl, unitPath } from './plan.ts';
import { unitName } from './systemd-unit.ts';

/**
 * What a service manager runs is not for us to start or remove beside it.
 * @throws CommandFailed with `say` of the unit and of the systemctl that goes with it
 */
export async function refuseUnit(name: string, say: (unit: string, systemctl: string) => string): Promise<void> {
  for (const scope of ['system', 'user'] as const)
    if (isInstalled(name, scope)) throw new CommandFailed(say(unitName(name), systemctl(scope).join(' ')));
}

function isInstalled(name: string, scope: 'system' | 'user'): boolean {
  try {
    return existsSync(unitPath(name, scope));
  } catch {
    // No HOME, and no such user in /etc/passwd: then there are no units of this user's.
    return false;
  }
}
