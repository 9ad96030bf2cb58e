/** Why a process does not end though it was told to, as far as the kernel shows it. Sources: proc(5), cgroups(7), kill(2). */

import type { Survivor } from '../core/model.ts';
import { procText } from './proc-text.ts';
import { argumentsOf } from './process-facts.ts';
import { isForbidden } from './process-signals.ts';
import { usersOf } from './process-table.ts';

/** What is known of a process that outlived SIGKILL, or that may not be signalled. */
export function survivorOf(pid: number): Survivor {
  const program = argumentsOf(pid)[0];
  const named = program === undefined ? '' : `(${program.slice(0, PROGRAM_CHARS)}) `;
  return { pid, why: named + reason(pid) };
}

const PROGRAM_CHARS = 100;

function reason(pid: number): string {
  if (isForbidden(pid)) {
    const owner = usersOf(pid)?.real;
    return owner === undefined
      ? 'cannot be signalled: the kernel refuses'
      : `belongs to user ${owner}, and the kernel refuses our signals (EPERM)`;
  }
  if (isFrozen(pid)) return 'is in a frozen control group and does not react to SIGKILL';
  const waits = /^State:\s+D/m.test(procText(`/proc/${pid}/status`) ?? '');
  if (!waits) return 'does not react to SIGKILL';
  const where = (procText(`/proc/${pid}/wchan`) ?? '').trim();
  const inside = where === '' || where === '0' ? '' : ` in ${where}`;
  return `does not react to SIGKILL: it waits uninterruptibly${inside} (state D), as for a disk or a network mount`;
}

function isFrozen(pid: number): boolean {
  return (procText(`/proc/${pid}/cgroup`) ?? '').split('\n').some(line => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return false;
    if (controllers === '') return /^frozen 1$/m.test(procText(`/sys/fs/cgroup${path}/cgroup.events`) ?? '');
    return (
      controllers === 'freezer' && (procText(`/sys/fs/cgroup/freezer${path}/freezer.state`) ?? '').trim() === 'FROZEN'
    );
  });
}
