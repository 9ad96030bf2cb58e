/** TCP sockets of this network namespace with their counters, as the kernel's sock_diag(7) tells them. */
import { closeSync } from 'node:fs';
import { type Libc, libc } from './libc.ts';

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
