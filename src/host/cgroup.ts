import { readFileSync } from 'node:fs';

/** The control group that accounts a process's memory, of version 1 or 2. */
export interface MemoryCgroup {
  /** As /proc/PID/cgroup names it. */
  name: string;
  /** The folder through which it can be read: its own, or the nearest one above it that can be. */
  folder: string;
  /** The top of that hierarchy as it is mounted here. */
  mount: string;
  version: 1 | 2;
}

interface Mount {
  version: 1 | 2;
  /** Which group of the hierarchy the mount shows as its top: not `/` in a container without a namespace of its own. */
  root: string;
  folder: string;
}

/** The group of a process, or null where the system has none or it is gone. Source: cgroups(7). */
export function memoryCgroupOf(pid: number | 'self'): MemoryCgroup | null {
  const text = readOr(`/proc/${pid}/cgroup`);
  if (text === null) return null;
  const lines = text.split('\n').map(line => /^(\d+):([^:]*):(.*)$/.exec(line));
  const first = lines.find(found => found?.[2]?.split(',').includes('memory')) ?? null;
  const found = first ?? lines.find(line => line?.[1] === '0') ?? null;
  const mount = memoryMount(first === null ? 2 : 1);
  const name = found?.[3];
  if (name === undefined || mount === null) return null;
  const inside = name.startsWith(mount.root) ? name.slice(mount.root.length) : name;
  // A group above our namespace's top is shown as `/..`: what is mounted is the nearest that can be seen.
  const steps = inside.includes('..') ? [] : inside.split('/').filter(step => step !== '');
  for (;;) {
    const folder = [mount.folder, ...steps].join('/');
    const group = { name, folder, mount: mount.folder, version: mount.version };
    if (oomKills(group) !== null) return group;
    if (steps.pop() === undefined) return null;
  }
}

/** How many of the group's processes the kernel has killed for want of memory so far; null: it does not tell. */
export function oomKills({ folder, version }: Pick<MemoryCgroup, 'folder' | 'version'>): number | null {
  const text = readOr(`${folder}/${version === 1 ? 'memory.oom_control' : 'memory.events'}`);
  const digits = text === null ? undefined : /^oom_kill (\d+)$/m.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** The least limit on the group's memory, its own or one above it, in bytes; null: none. */
export function memoryLimit({ folder, mount, version }: MemoryCgroup): number | null {
  let least = Number.POSITIVE_INFINITY;
  for (let at = folder; at.length >= mount.length; at = at.slice(0, at.lastIndexOf('/'))) {
    const text = readOr(`${at}/${version === 1 ? 'memory.limit_in_bytes' : 'memory.max'}`)?.trim();
    // `max` is not a number; version 1 says "none" by the largest multiple of a page.
    const bytes = text === undefined || !/^\d+$/.test(text) ? Number.POSITIVE_INFINITY : Number(text);
    if (bytes < 2 ** 60) least = Math.min(least, bytes);
  }
  return least === Number.POSITIVE_INFINITY ? null : least;
}

let mounts: Mount[] | null = null;

function memoryMount(version: 1 | 2): Mount | null {
  mounts ??= readMounts();
  return mounts.find(mount => mount.version === version) ?? null;
}

/** Source: proc(5), mountinfo: `ID PARENT DEV ROOT FOLDER OPTIONS … - TYPE SOURCE SUPER-OPTIONS`. */
function readMounts(): Mount[] {
  return (readOr('/proc/self/mountinfo') ?? '').split('\n').flatMap((line): Mount[] => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '/', folder = ''] = left.split(' ');
    const [type, , options = ''] = right.split(' ');
    const top = root === '/' ? '' : unescaped(root);
    if (type === 'cgroup2') return [{ version: 2, root: top, folder: unescaped(folder) }];
    if (type === 'cgroup' && options.split(',').includes('memory'))
      return [{ version: 1, root: top, folder: unescaped(folder) }];
    return [];
  });
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function readOr(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not Linux, gone, or not ours to read: then there is no such evidence.
    return null;
  }
}

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
