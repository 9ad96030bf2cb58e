import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A number of /proc/PID/status that is given there in kB, in bytes: `VmHWM`, the most that was ever resident; `VmRSS`; `RssAnon`. */
export function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS' | 'RssAnon'): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (found === null) throw new Error(`process ${pid} has no ${field}: a zombie?`);
  return Number(found[1]) * 1024;
}

/** Fields of /proc/PID/stat after the name, `state` first; null if the process is gone. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Whether a process of that pid lives; a zombie does not. */
export function lives(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Start time in clock ticks since boot. */
export function startTicksOf(pid: number): number {
  return Number(statOf(pid)?.[19]);
}

/** CPU time of the process itself, in ms. */
export function cpuMsOf(pid: number): number {
  const fields = statOf(pid);
  // USER_HZ is 100 on every architecture that Node runs on.
  return (Number(fields?.[11]) + Number(fields?.[12])) * 10;
}

/** CPU time that this process takes for something, in ms: what else runs on the machine does not lengthen it, as it does the time by the clock. */
export function cpuMsFor(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** CPU time of all threads of a process that live, in ns: the tick counters are too coarse for one that does little. */
export function cpuNanosOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map(task => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, nanos) => sum + nanos, 0);
}

/** Children of a process that have ended and were not reaped. */
export function zombiesOf(pid: number): number {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => statOf(Number(name)))
    .filter(fields => fields?.[0] === 'Z' && fields[1] === String(pid)).length;
}

/** What each open descriptor of a process leads to. */
export function descriptorsOf(pid: number): Map<number, string> {
  const open = new Map<number, string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      open.set(Number(fd), readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      // Closed since it was listed.
    }
  }
  return open;
}

/** The numbers of a child's descriptors, without those that the test run was itself started with: they come from further up. */
export function givenDescriptorsOf(pid: number): number[] {
  const own = descriptorsOf(process.pid);
  return [...descriptorsOf(pid)].filter(([fd, link]) => fd < 3 || own.get(fd) !== link).map(([fd]) => fd);
}

/** Flags of the open file behind a descriptor of ours, O_NONBLOCK among them. */
export function flagsOf(fd: number): number {
  return Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 'NaN', 8);
}

/** TCP ports at which a process listens. */
export function listeningPortsOf(pid: number): number[] {
  const inodes = new Set(
    [...descriptorsOf(pid).values()]
      .map(link => /^socket:\[(\d+)\]$/.exec(link)?.[1])
      .filter(found => found !== undefined),
  );
  return ['tcp', 'tcp6'].flatMap(table =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.trim().split(/\s+/))
      .filter(row => row[3] === '0A' && inodes.has(row[9] ?? ''))
      .map(row => Number.parseInt(row[1]?.split(':')[1] ?? '', 16)),
  );
}

/** The command line of a process, joined by blanks; empty once it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
