/** Reads what the processes of a run do at this moment: state, wait channel, system calls, sockets, files, CPU. Linux only. */
import { type Autopsy, hangSentence, type ProcessAutopsy, type Wait } from '../core/autopsy.ts';
import { monoNow } from './clock.ts';
import { argumentsOf, titleOf } from './process-facts.ts';
import { childrenOf, cpuMsIn, procNames, procText, statFields } from './read-file.ts';
import { openFiles, type TcpSocket, tcpSockets, udpSockets } from './socket-table.ts';

/** CPU time that processes had used at a moment, for the share since then. */
export interface CpuSample {
  atMs: number;
  /** By pid. */
  usedMs: ReadonlyMap<number, number>;
}

const MOST_PROCESSES = 32;
const MOST_THREADS = 64;
const MOST_FILES = 20;
const COMMAND_CHARS = 300;

/** How much CPU time a process and its descendants have used. */
export function sampleCpu(root: number): CpuSample {
  const usedMs = new Map<number, number>();
  const pids = new Set([root]);
  // A set that grows while it is walked is walked to its new end.
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields === null || pids.size > MOST_PROCESSES) continue;
    usedMs.set(pid, cpuMsIn(fields));
    for (const child of childrenOf(pid)) pids.add(child);
  }
  return { atMs: monoNow(), usedMs };
}

/** Null where no process can be read: not Linux, or all are gone. */
export function readAutopsy(pids: Iterable<number>, before: CpuSample | null): Autopsy | null {
  const startedMs = monoNow();
  const seen: { row: ProcessAutopsy; inodes: Map<string, number> }[] = [];
  for (const pid of pids) {
    const found = seen.length < MOST_PROCESSES ? processOf(pid, before, startedMs) : null;
    if (found !== null) seen.push(found);
  }
  if (seen.length === 0) return null;
  const wanted = new Set(seen.flatMap(({ inodes }) => [...inodes.values()]));
  const table = new Map((wanted.size === 0 ? [] : (tcpSockets(wanted) ?? [])).map(socket => [socket.inode, socket]));
  for (const { row, inodes } of seen) {
    const open = [...inodes.values()];
    const others = open.every(inode => table.has(inode)) ? [] : udpSockets(row.pid, new Set(open));
    addSockets(row, inodes, new Map([...table, ...others.map(socket => [socket.inode, socket] as const)]));
  }
  const processes = seen.map(({ row }) => row);
  return { sentence: hangSentence(processes), ms: Math.round(monoNow() - startedMs), processes };
}

function processOf(
  pid: number,
  before: CpuSample | null,
  nowMs: number,
): { row: ProcessAutopsy; inodes: Map<string, number> } | null {
  const fields = statFields(pid);
  if (fields === null) return null;
  const open = new Map(openFiles(pid).map(({ fd, target }) => [fd, target]));
  const inodes = new Map<string, number>();
  for (const target of open.values()) {
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) inodes.set(target, Number(inode));
  }
  const threads = threadsOf(pid, open);
  const used = before?.usedMs.get(pid);
  const row: ProcessAutopsy = {
    pid,
    parent: Number(fields[1]),
    command: (argumentsOf(pid).join(' ') || (titleOf(pid) ?? '')).slice(0, COMMAND_CHARS),
    state: fields[0] ?? '',
    waitChannel: waitChannelOf(pid),
    threads: Number(fields[17]),
    runningThreads: threads.running,
    waits: threads.waits,
    sockets: [],
    files: [...new Set([...open.values()].filter(isPlainFile))].slice(0, MOST_FILES),
    cpuShare: used === undefined ? null : Math.max(0, (cpuMsIn(fields) - used) / Math.max(1, nowMs - before!.atMs)),
  };
  return { row, inodes };
}

/** Puts addresses in the place of inodes. */
function addSockets(row: ProcessAutopsy, inodes: ReadonlyMap<string, number>, table: ReadonlyMap<number, TcpSocket>) {
  for (const [target, inode] of inodes) {
    const socket = table.get(inode);
    if (socket === undefined) continue;
    const { local, peer, state, receivedAgoMs, receiveQueue, sendQueue } = socket;
    row.sockets.push({ local, peer, state, receivedAgoMs, receiveQueue, sendQueue });
    for (const wait of row.waits) if (wait.on === target) wait.on = `${peer} ${state}`;
  }
  const unnamed = row.waitChannel?.startsWith('unix_') ? 'a Unix socket' : 'a socket';
  for (const wait of row.waits)
    wait.on = wait.on?.replace(/\bsocket:\[\d+\]/, unnamed).replace(/\bpipe:\[\d+\]/, 'a pipe') ?? null;
}

function threadsOf(pid: number, open: ReadonlyMap<string, string>): { running: number; waits: Wait[] } {
  const waits = new Map<string, Wait>();
  let running = 0;
  for (const thread of procNames(`/proc/${pid}/task`).slice(0, MOST_THREADS)) {
    const text = procText(`/proc/${pid}/task/${thread}/syscall`)?.trim() ?? '';
    if (text === 'running') running++;
    const [number, first] = text.split(' ');
    if (number === undefined || !/^\d+$/.test(number)) continue;
    const call = callName(Number(number));
    // Only of calls whose first argument is a descriptor.
    const on = WITHOUT_DESCRIPTOR.test(call) ? null : nameOf(Number(first), open);
    const key = `${call} ${on}`;
    const wait = waits.get(key) ?? { call, on, threads: 0 };
    waits.set(key, { ...wait, threads: wait.threads + 1 });
  }
  return { running, waits: [...waits.values()] };
}

const STANDARD = ['standard input', 'standard output', 'standard error'];

/** What a descriptor is open on; of the standard ones also which it is, as a program that asks a question waits for its input. */
function nameOf(fd: number, open: ReadonlyMap<string, string>): string | null {
  const target = open.get(String(fd));
  if (target === undefined) return null;
  return STANDARD[fd] === undefined || isPlainFile(target) ? target : `${STANDARD[fd]} (${target})`;
}

const WITHOUT_DESCRIPTOR =
  /^(?:futex|poll|ppoll|select|pselect6|epoll|nanosleep|clock_|wait|pause|rt_|openat|open$|restart|system call)/;

/** The calls that programs wait in, by their numbers on x64 and arm64. Source: the kernel's syscall tables. */
const CALLS: Readonly<Record<string, readonly [x64: number, arm64: number]>> = {
  read: [0, 63],
  write: [1, 64],
  open: [2, -1],
  poll: [7, -1],
  pread64: [17, 67],
  pwrite64: [18, 68],
  readv: [19, 65],
  writev: [20, 66],
  select: [23, -1],
  pause: [34, -1],
  nanosleep: [35, 101],
  connect: [42, 203],
  accept: [43, 202],
  sendto: [44, 206],
  recvfrom: [45, 207],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  wait4: [61, 260],
  fcntl: [72, 25],
  flock: [73, 32],
  fsync: [74, 82],
  fdatasync: [75, 83],
  rt_sigtimedwait: [128, 137],
  rt_sigsuspend: [130, 133],
  futex: [202, 98],
  restart_syscall: [219, 128],
  clock_nanosleep: [230, 115],
  epoll_wait: [232, -1],
  waitid: [247, 95],
  openat: [257, 56],
  pselect6: [270, 72],
  ppoll: [271, 73],
  epoll_pwait: [281, 22],
  accept4: [288, 242],
  io_uring_enter: [426, 426],
  epoll_pwait2: [441, 441],
};
const names = new Map(
  Object.entries(CALLS).map(([name, [x64, arm64]]) => [process.arch === 'arm64' ? arm64 : x64, name]),
);

function callName(number: number): string {
  return names.get(number) ?? `system call ${number}`;
}

function waitChannelOf(pid: number): string | null {
  const text = procText(`/proc/${pid}/wchan`)?.trim() ?? '';
  return text === '' || text === '0' ? null : text;
}

function isPlainFile(target: string): boolean {
  return target.startsWith('/') && !/^\/(?:dev|proc|sys|memfd:)|\.so(?:\.|$)/.test(target);
}
