/** TCP sockets of this network namespace with their counters, as the kernel's sock_diag(7) tells them. */
import { closeSync, readlinkSync, statSync } from 'node:fs';
import type { TreeReading } from '../core/idleness.ts';
import { monoNow } from './clock.ts';
import { type Libc, libc } from './libc.ts';
import { cpuMsIn, procNames, procText, statFields, TICK_MS } from './read-file.ts';

/** A TCP socket. Sizes in bytes. */
export interface TcpSocket {
  inode: number;
  /** As in netstat: `ESTABLISHED`, `CLOSE_WAIT`. */
  state: string;
  local: string;
  /** `ADDRESS:PORT`, an IPv6 address in brackets. */
  peer: string;
  received: number;
  acked: number;
  receivedAgoMs: number;
  /** Not yet read by the program; sent and not yet acknowledged by the other end. */
  receiveQueue: number;
  sendQueue: number;
}

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const MOST_AT_ONCE_BYTES = 32_768;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
/** Asks for struct tcp_info, and is the type of the attribute that holds it. */
const INET_DIAG_INFO = 2;
const STATES = [
  '',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
];
// Those in TIME_WAIT belong to no process any more.
const ALL_BUT_TIME_WAIT = 0xfff & ~(1 << 6);
const HEADER_BYTES = 16;
/** struct inet_diag_msg. */
const MESSAGE_BYTES = 72;

/** The TCP sockets with these inodes; null where the kernel does not tell. */
export function tcpSockets(inodes: ReadonlySet<number>): TcpSocket[] | null {
  const calls = libc();
  if (calls === null) return null;
  const found: TcpSocket[] = [];
  try {
    for (const family of [AF_INET, AF_INET6]) for (const answer of answers(calls, family)) parse(answer, inodes, found);
  } catch {
    // A kernel without sock_diag, or a sandbox that refuses netlink.
    return null;
  }
  return found;
}

/** The kernel's messages about all sockets of a family. What it says next is ready before a call returns, so nothing is waited for. */
function* answers(calls: Libc, family: number): Generator<Buffer> {
  const fd = calls.askNetlink(NETLINK_SOCK_DIAG, request(family));
  try {
    for (let ended = false; !ended; ) {
      const bytes = Buffer.alloc(MOST_AT_ONCE_BYTES);
      const length = calls.receive(fd, bytes) ?? 0;
      if (length < HEADER_BYTES) return;
      const type = bytes.readUInt16LE(4);
      ended = type === NLMSG_DONE || type === NLMSG_ERROR;
      yield bytes.subarray(0, length);
    }
  } finally {
    closeSync(fd);
  }
}

function request(family: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 56);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  bytes.writeUInt8(family, HEADER_BYTES);
  bytes.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1);
  bytes.writeUInt8(1 << (INET_DIAG_INFO - 1), HEADER_BYTES + 2);
  bytes.writeUInt32LE(ALL_BUT_TIME_WAIT, HEADER_BYTES + 4);
  return bytes;
}

function parse(answer: Buffer, wanted: ReadonlySet<number>, found: TcpSocket[]): void {
  for (let at = 0; at + HEADER_BYTES <= answer.length; ) {
    const length = answer.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > answer.length) return;
    if (answer.readUInt16LE(at + 4) === SOCK_DIAG_BY_FAMILY && length >= HEADER_BYTES + MESSAGE_BYTES) {
      const message = answer.subarray(at + HEADER_BYTES, at + length);
      if (wanted.has(message.readUInt32LE(68))) found.push(socketIn(message));
    }
    at += align4(length);
  }
}

// struct inet_diag_msg: family and state at 0 and 1, ports at 4 and 6 and addresses at 8 and 24 in network order, queues at 56 and 60.
function socketIn(message: Buffer): TcpSocket {
  const family = message.readUInt8(0);
  return {
    inode: message.readUInt32LE(68),
    state: STATES[message.readUInt8(1)] ?? 'unknown',
    local: addressText(family, message, 8, message.readUInt16BE(4)),
    peer: addressText(family, message, 24, message.readUInt16BE(6)),
    receiveQueue: message.readUInt32LE(56),
    sendQueue: message.readUInt32LE(60),
    ...countersIn(message),
  };
}

// struct tcp_info: tcpi_last_data_recv at 52, tcpi_bytes_acked at 120, tcpi_bytes_received at 128.
function countersIn(message: Buffer): Pick<TcpSocket, 'received' | 'acked' | 'receivedAgoMs'> {
  for (let at = MESSAGE_BYTES; at + 4 <= message.length; ) {
    const length = message.readUInt16LE(at);
    if (length < 4) break;
    const info = at + 4;
    if (message.readUInt16LE(at + 2) === INET_DIAG_INFO && length >= 4 + 136)
      return {
        receivedAgoMs: message.readUInt32LE(info + 52),
        acked: Number(message.readBigUInt64LE(info + 120)),
        received: Number(message.readBigUInt64LE(info + 128)),
      };
    at += align4(length);
  }
  return { received: 0, acked: 0, receivedAgoMs: 0 };
}

const align4 = (length: number): number => (length + 3) & ~3;

function addressText(family: number, message: Buffer, at: number, port: number): string {
  if (family === AF_INET) return `${[...message.subarray(at, at + 4)].join('.')}:${port}`;
  const groups = Array.from({ length: 8 }, (_, index) => message.readUInt16BE(at + 2 * index));
  if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff)
    return `${[...message.subarray(at + 12, at + 16)].join('.')}:${port}`;
  const text = groups.map(group => group.toString(16)).join(':');
  // The longest run of zeros is written once as "::".
  const longest = text.match(/(?:^|:)0(?::0)+(?=:|$)/g)?.sort((a, b) => b.length - a.length)[0];
  const short = longest === undefined ? text : text.replace(longest, text.startsWith(longest) ? '::' : ':');
  return `[${short.replace(/:{3,}/, '::')}]:${port}`;
}

/** The UDP sockets over IPv4 with these inodes that have a peer, in the network namespace of a process. Lookups of names are among them. */
export function udpSockets(pid: number, inodes: ReadonlySet<number>): TcpSocket[] {
  const rows = (procText(`/proc/${pid}/net/udp`) ?? '').split('\n').slice(1);
  return rows.flatMap(row => {
    const [, local = '', peer = '', , , , , , , inode] = row.trim().split(/\s+/);
    if (!inodes.has(Number(inode)) || peer.endsWith(':0000')) return [];
    const counters = { received: 0, acked: 0, receivedAgoMs: 0, receiveQueue: 0, sendQueue: 0 };
    return [{ inode: Number(inode), state: 'UDP', local: udpAddress(local), peer: udpAddress(peer), ...counters }];
  });
}

// As the kernel prints it: the address as a number in this machine's byte order, then the port.
function udpAddress(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const bytes = address.match(/../g)?.reverse() ?? [];
  return `${bytes.map(byte => Number.parseInt(byte, 16)).join('.')}:${Number.parseInt(port, 16)}`;
}

// What a process tree does, read off /proc and its sockets: for telling a hang from quiet work.

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
