import { readFileSync, stat, writeFileSync } from 'node:fs';
import { libc } from './libc.ts';
import { readTable, usersOf } from './process-table.ts';

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

/**
 * Gives back what this process does not need any more: what V8 keeps for speed, such as the code that only a start runs, and what glibc
 * keeps of freed memory. Blocks for some 30 ms, so it is for a moment in which nothing happens. Without libc nothing is done: what V8
 * frees would stay with glibc.
 */
export function trimMemory(): void {
  const calls = libc();
  if (calls === null) return;
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const { runInNewContext } = process.getBuiltinModule('node:vm');
  // A context that is made while the flag is set has the function; ours keeps none.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return;
  // Bytecode goes that was not run since the last collection; by default only after six of them, 20 ms each.
  setFlagsFromString('--bytecode-old-age=1');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString('--bytecode-old-age=6');
  calls.trimHeap();
}

/** Where the kernel keeps how eagerly it kills us when memory runs out: -1000 never, 1000 first. Inherited over fork. */
const OWN_SCORE = '/proc/self/oom_score_adj';
/**
 * By how much it is lowered: 900 is what programs take that others depend on (dbus), far behind everybody else, yet not exempt. Without
 * CAP_SYS_RESOURCE the kernel lets us go down to what a privileged process last set for us, which cannot be read: usually 0, from which
 * the units of a user's own systemd were raised.
 */
const STEP = 900;
const USUAL_FLOOR = 0;

export interface OomProtection {
  /** Runs something that starts a process, which then has the score that we were started with; ours is low from then on. */
  asInherited<T>(start: () => T): T;
}

/**
 * Puts us behind others in the kernel's choice, as far as that is allowed: the child eats the memory, and the watcher
 * must be there to start it again. For the moment of a spawn the score goes back, so that no process ever has ours by a race, as it
 * would if the child's were put right after its start.
 */
export function createOomProtection(): OomProtection {
  // Looked up behind the first start, which waits for nothing that it does not need.
  let inherited: number | null = null;
  let low: number | null = null;
  let allowed = true;

  function lower(): void {
    inherited ??= read();
    const from = inherited;
    low ??= from === null ? null : (lowerThan(from).find(write) ?? null);
    allowed = low !== null && write(low);
  }

  return {
    asInherited(start) {
      if (!allowed) return start();
      if (inherited !== null) write(inherited);
      try {
        return start();
      } finally {
        lower();
      }
    },
  };
}

/** Scores below this one, as low as is wanted first. */
function lowerThan(score: number): number[] {
  return [Math.max(-999, score - STEP), USUAL_FLOOR].filter(lower => lower < score);
}

function read(): number | null {
  try {
    const score = Number(readFileSync(OWN_SCORE, 'utf8'));
    return Number.isInteger(score) ? score : null;
  } catch {
    // No /proc, or a kernel without the OOM killer: nothing to shelter from.
    return null;
  }
}

function write(score: number): boolean {
  try {
    writeFileSync(OWN_SCORE, String(score));
    return true;
  } catch {
    // EACCES: not that low. If nothing lower is allowed, we are as likely to go as the child.
    return false;
  }
}

/** libuv's own default. */
const THREADS = 4;
const MOST_THREADS = 64;
/** The name that Node itself knows, and the one that the Node of the executable looks for (scripts/rename-variables.ts). */
const SIZE_VARIABLES = ['UV_THREADPOOL_SIZE', 'UV_THREADPOOL_SIZe'];
const RLIMIT_NPROC = 6;
/** Above this, a limit of processes is no fence around one program, and counting what is used would cost a start too much. */
const LOW_LIMIT = 1024;

/**
 * Makes the threads for file calls and name look-ups, before the command is started: it may use up the limit of processes, and libuv,
 * which would make them at the first use, then aborts. `mayHang`: how many paths are looked at that may be on a mount which hangs; each
 * can hold one thread for ever. Returns why they cannot be made, or null.
 */
export function makeThreadPool(mayHang: number): string | null {
  const threads = Math.min(THREADS + mayHang, MOST_THREADS);
  const room = roomForThreads();
  if (room < threads) return `the limit of processes leaves no room for the watcher's own ${threads} threads`;
  for (const name of SIZE_VARIABLES) process.env[name] = String(threads);
  stat('/', () => {});
  return null;
}

/** Root is not bound by the limit. */
function roomForThreads(): number {
  const uid = process.getuid?.() ?? 0;
  const soft = uid === 0 ? undefined : libc()?.limit(RLIMIT_NPROC).soft;
  if (soft === undefined || soft > LOW_LIMIT) return Number.POSITIVE_INFINITY;
  let used = 0;
  for (const { pid } of readTable(null)) if (usersOf(pid)?.real === uid) used += threadsOf(pid);
  return Number(soft) - used;
}

function threadsOf(pid: number): number {
  try {
    return process.getBuiltinModule('node:fs').readdirSync(`/proc/${pid}/task`).length;
  } catch {
    // Gone meanwhile.
    return 0;
  }
}
