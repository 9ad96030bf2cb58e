import { isAbsolute, join, resolve } from 'node:path';
import type { Surroundings } from './surroundings.ts';

/** Where state lies if --state-dir is not given: a folder that holds a folder per name. */
export function defaultStateDir(here: Surroundings): string {
  const named = here.env['AGENT_WATCH_STATE_DIR'];
  if (named) return resolve(here.cwd, named);
  const unit = here.env['STATE_DIRECTORY']?.split(':')[0];
  if (unit && isMainProcessOfUnit(here)) return resolve(here.cwd, unit);
  if (here.uid === 0) return '/var/lib/agent-watch';
  const xdg = here.env['XDG_STATE_HOME'];
  // The XDG specification: a relative path is invalid and is to be ignored.
  if (xdg && isAbsolute(xdg)) return join(xdg, 'agent-watch');
  return join(here.homeDir(), '.local/state/agent-watch');
}

/**
 * STATE_DIRECTORY is inherited by everything below a unit, a shell in it included; it is ours only as the process that
 * systemd itself started. Since v248 it says which one that is; before, the parent tells: PID 1 has no other children
 * that carry an INVOCATION_ID and are not units' main processes, orphans apart.
 */
function isMainProcessOfUnit(here: Surroundings): boolean {
  const started = here.env['SYSTEMD_EXEC_PID'];
  if (started !== undefined) return started === String(here.pid);
  return here.env['INVOCATION_ID'] !== undefined && (here.ppid === 1 || here.env['MANAGERPID'] === String(here.ppid));
}
