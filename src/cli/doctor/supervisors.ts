/** Who else starts what has ended: other supervisors above a process. */
import { argumentsOf, serviceOf, titleOf } from '../../host/process-facts.ts';
import { readProcess } from '../../host/process-table.ts';

/** By the title or the command line of the supervising process. */
const SUPERVISORS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['pm2', /^PM2\b|\bpm2(?:-runtime)?\b/],
  ['supervisord', /\bsupervisord\b/],
  ['forever', /\/forever\b|\bforever\/bin\/monitor\b/],
  ['nodemon', /\bnodemon\b/],
  ['circus', /\bcircusd\b/],
  ['runit', /^(?:\S*\/)?runsv\b/],
  ['s6', /^(?:\S*\/)?s6-supervise\b/],
  ['monit', /^(?:\S*\/)?monit\b/],
  ['a container engine', /^(?:\S*\/)?(?:containerd-shim|conmon)\b/],
  ['cron', /^(?:\S*\/)?(?:cron|crond)\b|^\/usr\/sbin\/CRON\b/],
];

/** The nearest supervisor above a process; null: none that is known. Of systemd the unit is named. */
export function supervisorAbove(pid: number): string | null {
  const seen = new Set<number>();
  let current = readProcess(pid)?.parent ?? 0;
  while (current > 0 && !seen.has(current)) {
    seen.add(current);
    const words = `${argumentsOf(current).join(' ')}` || (titleOf(current) ?? '');
    const found = SUPERVISORS.find(([, pattern]) => pattern.test(words));
    if (found !== undefined) return found[0];
    current = readProcess(current)?.parent ?? 0;
  }
  const service = serviceOf(pid);
  return service === null ? null : `systemd's ${service}`;
}
