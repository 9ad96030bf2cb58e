import { readFileSync } from 'node:fs';

/**
 * Whether a process is in our control group, where that group is ours alone: we are the main process of a systemd unit, or the
 * first of a container. Elsewhere (a login session) others live in it too, and it proves nothing.
 */
export function isInOwnCgroup(pid: number): boolean {
  if (process.pid !== 1 && process.env['SYSTEMD_EXEC_PID'] !== String(process.pid)) return false;
  const own = cgroupOf('self');
  return own !== null && own === cgroupOf(pid);
}

function cgroupOf(pid: number | 'self'): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
    return text === '' ? null : text;
  } catch {
    // Gone, or a system without control groups.
    return null;
  }
}
