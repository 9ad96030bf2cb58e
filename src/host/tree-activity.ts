/** What a process tree does, read off /proc and its sockets: for telling a hang from quiet work. */
import { readlinkSync, statSync } from 'node:fs';
import type { TreeReading } from '../core/idleness.ts';
import { monoNow } from './clock.ts';
import { cpuMsIn, procNames, procText, statFields, TICK_MS } from './proc-text.ts';
import { tcpSockets } from './socket-table.ts';

const O_ACCMODE = 3;

/** Reads these processes. A process that is gone, or another user's, is left out as far as it cannot be read. */
export function readTreeActivity(pids: Iterable<number>): TreeReading {
  const processes: TreeReading['processes'][number][] = [];
  const inodes = new Set<number>();
  const files = new Map<string, number>();
  let anyPid: number | null = null;
  for (const pid of pids) {
    const row = processOf(pid);
    if (row === null) continue;
    anyPid ??= pid;
    processes.push(row);
    for (const { fd, target } of openFiles(pid)) {
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) inodes.add(Number(inode));
      else if (isRegular(target) && isWritten(pid, fd)) files.set(target, sizeOf(pid, fd));
    }
  }
  return {
    at: monoNow(),
    nowTicks: uptimeTicks(),
    processes,
    sockets: inodes.size === 0 ? [] : (tcpSockets(inodes) ?? []),
    files: [...files].map(([name, bytes]) => ({ name, bytes })),
    opened: anyPid === null ? null : openedIn(anyPid),
  };
}

// As proc(5) counts them: 11 and 13 are faults of waited-for children, 22 is the start.
function processOf(pid: number): TreeReading['processes'][number] | null {
  const fields = statFields(pid);
  if (fields === null) return null;
  const field = (number: number) => Number(fields[number - 3] ?? 0);
  return {
    pid,
    startTicks: field(22),
    cpuMs: cpuMsIn(fields),
    ...threadsOf(pid),
    reapedFaults: field(11) + field(13),
  };
}

// The first two numbers of schedstat: nanoseconds on a CPU, and waiting for one, of one thread.
function threadsOf(pid: number): { threadsMs: number; starvedMs: number } {
  let [ran, waited] = [0, 0];
  for (const thread of procNames(`/proc/${pid}/task`)) {
    const [running, waiting] = (procText(`/proc/${pid}/task/${thread}/schedstat`) ?? '').split(' ').map(Number);
    ran += running || 0;
    waited += waiting || 0;
  }
  return { threadsMs: ran / 1e6, starvedMs: waited / 1e6 };
}

/** The open descriptors of a process and what they are open on. */
export function openFiles(pid: number): { fd: string; target: string }[] {
  const open: { fd: string; target: string }[] = [];
  for (const fd of procNames(`/proc/${pid}/fd`)) {
    try {
      open.push({ fd, target: readlinkSync(`/proc/${pid}/fd/${fd}`) });
    } catch {
      // Closed meanwhile.
    }
  }
  return open;
}

function isRegular(target: string): boolean {
  return target.startsWith('/') && !/^\/(?:dev|proc|sys|memfd:)/.test(target);
}

function isWritten(pid: number, fd: string): boolean {
  const flags = /^flags:\s+(\d+)/m.exec(procText(`/proc/${pid}/fdinfo/${fd}`) ?? '')?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & O_ACCMODE) !== 0;
}

function sizeOf(pid: number, fd: string): number {
  try {
    const stat = statSync(`/proc/${pid}/fd/${fd}`);
    return stat.isFile() ? stat.size : 0;
  } catch {
    // Closed meanwhile.
    return 0;
  }
}

function uptimeTicks(): number {
  return Math.round(Number.parseFloat(procText('/proc/uptime') ?? '0') * (1000 / TICK_MS));
}

/** Connections begun and datagrams sent in the network namespace of a process. */
function openedIn(pid: number): number | null {
  const text = procText(`/proc/${pid}/net/snmp`);
  if (text === null) return null;
  return counterIn(text, 'Tcp', 'ActiveOpens') + counterIn(text, 'Udp', 'OutDatagrams');
}

// Two lines for each protocol, one of names and one of numbers.
function counterIn(text: string, protocol: string, name: string): number {
  const [names, numbers] = text.split('\n').filter(line => line.startsWith(`${protocol}: `));
  const column = names?.split(' ').indexOf(name) ?? -1;
  return column < 0 ? 0 : Number(numbers?.split(' ')[column] ?? 0);
}
