/**
 * The kernel's calls that Node does not offer, by way of libc and node:ffi. The only module that knows either.
 *
 * A wrong signature crashes the watcher, so the list is short and each call is tested against the real kernel. Numbers and offsets
 * are those of 64-bit little-endian Linux; x64 and arm64 agree on every one that is used here. Elsewhere, and where node:ffi is
 * missing or refused (another Node, `--no-experimental-ffi`, `--permission`), `libc()` is null and each caller has one fallback.
 *
 * Sources: pipe(7), fcntl(2), tee(2), poll(2), prctl(2), waitid(2), prlimit(2), unix(7), pidfd_open(2), pidfd_send_signal(2),
 * malloc_trim(3).
 */
import { constants as os } from 'node:os';
import { SystemError } from './read-file.ts';

type Ffi = typeof import('node:ffi');
type Library = import('node:ffi').DynamicLibrary;

/** A child that has ended and is still to be reaped. Exactly one of `code` and `signal` is null. */
export interface EndedChild {
  pid: number;
  code: number | null;
  /** The number of the signal. */
  signal: number | null;
}

/** Who is at the other end of a Unix socket, as of its connect(2) or listen(2). */
export interface Peer {
  pid: number;
  uid: number;
  gid: number;
}

/** A resource limit in the kernel's own unit; `NO_LIMIT` is RLIM_INFINITY. */
export interface Limit {
  soft: bigint;
  hard: bigint;
}

export const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

/** Every function throws a SystemError where the kernel refuses, unless it says otherwise. */
export interface Libc {
  /** An unnamed pipe, closed on exec. The reading end does not block; the writing end does. */
  pipe(): { readFd: number; writeFd: number };
  /** Makes a smaller pipe this large. Returns the size that it has now; EPERM above /proc/sys/fs/pipe-max-size. */
  enlargePipe(fd: number, bytes: number): number;
  /** Reads at most so many bytes, without waiting only where the descriptor says so. Returns how many; 0: none wait, or the end. */
  read(fd: number, into: Buffer, bytes: number): number;
  /** How many bytes wait to be read. */
  waitingBytes(fd: number): number;
  /** Puts the first bytes of a pipe into another one too, without copying. Returns how many; 0: one holds none, or the other no more. */
  tee(fromFd: number, toFd: number, bytes: number): number;
  /** Waits until a pipe takes bytes, or has no reader, or that long; whole milliseconds. */
  awaitRoom(fd: number, timeoutMs: number): void;
  /** From now on, descendants of this process whose parent has ended become its children. */
  becomeSubreaper(): void;
  /** A child of this process that has ended, left unreaped; null if there is none. */
  peekEndedChild(): EndedChild | null;
  /** Reaps one child. Returns null if it has not ended. */
  reapChild(pid: number): EndedChild | null;
  /** The resource limit of this number, of this process. */
  limit(resource: number): Limit;
  setLimit(resource: number, limit: Limit): void;
  /**
   * Takes an exclusive lock on these bytes for an open file (F_OFD_SETLK), without waiting. Returns false if they are locked by another
   * open file, or by a process (fcntl(2)). Goes when the last descriptor of the open file is closed.
   */
  lockBytes(fd: number, start: number, length: number): boolean;
  /** Whether a descriptor is closed in what we start. */
  setCloseOnExec(fd: number, on: boolean): void;
  /** Sends one datagram to a Unix socket: a path, or an abstract name after `@`. Never waits: EAGAIN if its queue is full. */
  sendDatagram(address: string, bytes: Buffer): void;
  /** The process that connected to a Unix socket. */
  peerOf(socketFd: number): Peer;
  /** Sends a request to a netlink family. Returns the socket on which it answers. */
  askNetlink(family: number, request: Buffer): number;
  /** Receives one message of a socket. Returns its length, or null if none waits. */
  receive(socketFd: number, into: Buffer): number | null;
  /** A descriptor that means this very process for as long as it is open; ESRCH if there is none. */
  openProcess(pid: number): number;
  /** Sends a signal to the process that a descriptor of `openProcess` means; ESRCH if it has been reaped. */
  signalProcess(pidFd: number, signal: number): void;
  /** Gives the free pages of the C heap back to the system. */
  trimHeap(): void;
  /** _exit(2): ends this process now, without waiting for its other threads. */
  exit(code: number): void;
}

let loaded: Libc | { why: string } | null = null;

/** The calls, or null where they cannot be made. Loading costs about a millisecond, once. */
export function libc(): Libc | null {
  loaded ??= load();
  return 'why' in loaded ? null : loaded;
}

/** Why `libc()` is null, in a few words; null if it is not. */
export function whyNoLibc(): string | null {
  loaded ??= load();
  return 'why' in loaded ? loaded.why : null;
}

function load(): Libc | { why: string } {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64'))
    return { why: `not available on ${platform} ${arch}` };
  try {
    const ffi = withoutWarning(() => process.getBuiltinModule('node:ffi') as Ffi | undefined);
    if (ffi === undefined) return { why: `Node ${process.version} has no node:ffi` };
    const bind = binder(ffi, new ffi.DynamicLibrary(null));
    return { ...pipes(bind), ...processes(bind), ...signals(bind), ...sockets(bind) };
  } catch (error) {
    // Refused by --no-experimental-ffi or --permission.
    return { why: (error as Error).message };
  }
}

/** Node says at its first use that the module is experimental, which tells a user of this program nothing. */
function withoutWarning<T>(use: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return use();
  } finally {
    process.emitWarning = emitWarning;
  }
}

type Kind = 'i32' | 'u32' | 'i64' | 'u64' | 'pointer';
type Argument = number | bigint | Buffer | null;
/** Calls a function of libc. A negative result becomes a SystemError, named after `syscall`; with the errno `expected` it is returned. */
type Call = (...args: Argument[]) => number;
type How = { result?: 'i32' | 'i64'; syscall?: string; expected?: number };
type Bind = (name: string, kinds: readonly Kind[], how?: How) => Call;

// A function is looked up at its first call: most processes use two or three of them.
function binder(ffi: Ffi, library: Library): Bind {
  const errnoAt = library.getFunction('__errno_location', { arguments: [], return: 'pointer' })();
  return (name, kinds, { result = 'i32', syscall = name, expected } = {}) => {
    let found: ((...args: Argument[]) => number | bigint) | null = null;
    return (...args) => {
      found ??= library.getFunction(name, { arguments: kinds, return: result }) as (
        ...args: Argument[]
      ) => number | bigint;
      const value = found(...args);
      if (value >= 0) return Number(value);
      const failure = ffi.getInt32(errnoAt);
      if (failure === expected) return -1;
      throw new SystemError(failure, syscall);
    };
  };
}

const { errno } = os;
const [O_CLOEXEC, O_NONBLOCK] = [0o2000000, 0o4000];
const [F_SETFD, F_SETFL, F_OFD_SETLK, F_SETPIPE_SZ, F_GETPIPE_SZ] = [2, 4, 37, 1031, 1032];
const [FD_CLOEXEC, F_WRLCK] = [1, 1];
const [FIONREAD, SPLICE_F_NONBLOCK, POLLOUT] = [0x541b, 2, 4];
const PR_SET_CHILD_SUBREAPER = 36;
const [P_ALL, P_PID] = [0, 1];
const [WNOHANG, WEXITED, WNOWAIT] = [1, 4, 0x01000000];
const CLD_EXITED = 1;
const [AF_UNIX, AF_NETLINK] = [1, 16];
const [SOCK_DGRAM, SOCK_RAW] = [2, 3];
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const [SOL_SOCKET, SO_PEERCRED] = [1, 17];
// The numbers of the system calls that older C libraries have no function for are the same on every architecture since 424.
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

function pipes(bind: Bind) {
  const pipe2 = bind('pipe2', ['pointer', 'i32']);
  // The third argument is a number or an address, as the second says.
  const fcntl = bind('fcntl', ['i32', 'i32', 'pointer'], { expected: errno.EAGAIN });
  const read = bind('read', ['i32', 'pointer', 'u64'], { result: 'i64', expected: errno.EAGAIN });
  const ioctl = bind('ioctl', ['i32', 'u64', 'pointer']);
  const tee = bind('tee', ['i32', 'i32', 'u64', 'u32'], { result: 'i64', expected: errno.EAGAIN });
  const poll = bind('poll', ['pointer', 'u64', 'i32'], { expected: errno.EINTR });
  const count = Buffer.alloc(4);
  return {
    read: (fd: number, into: Buffer, bytes: number) => Math.max(0, read(fd, into, Math.min(bytes, into.length))),
    waitingBytes(fd: number) {
      ioctl(fd, FIONREAD, count);
      return count.readInt32LE(0);
    },
    tee: (fromFd: number, toFd: number, bytes: number) => Math.max(0, tee(fromFd, toFd, bytes, SPLICE_F_NONBLOCK)),
    awaitRoom(fd: number, timeoutMs: number) {
      // struct pollfd: fd at 0, events at 4, revents at 6.
      poll(Buffer.from(new Int32Array([fd, POLLOUT]).buffer), 1, timeoutMs);
    },
    pipe() {
      const fds = new Int32Array(2);
      pipe2(Buffer.from(fds.buffer), O_CLOEXEC);
      const [readFd = -1, writeFd = -1] = fds;
      fcntl(readFd, F_SETFL, BigInt(O_NONBLOCK));
      return { readFd, writeFd };
    },
    setCloseOnExec: (fd: number, on: boolean) => void fcntl(fd, F_SETFD, BigInt(on ? FD_CLOEXEC : 0)),
    enlargePipe(fd: number, bytes: number) {
      const size = fcntl(fd, F_GETPIPE_SZ, null);
      return size < bytes ? fcntl(fd, F_SETPIPE_SZ, BigInt(bytes)) : size;
    },
    lockBytes(fd: number, start: number, length: number) {
      // struct flock: l_type at 0, l_whence (SEEK_SET is 0) at 2, l_start at 8, l_len at 16, l_pid (0) at 24.
      const lock = Buffer.alloc(32);
      lock.writeInt16LE(F_WRLCK, 0);
      lock.writeBigInt64LE(BigInt(start), 8);
      lock.writeBigInt64LE(BigInt(length), 16);
      return fcntl(fd, F_OFD_SETLK, lock) >= 0;
    },
  };
}

function processes(
  bind: Bind,
): Pick<Libc, 'becomeSubreaper' | 'peekEndedChild' | 'reapChild' | 'limit' | 'setLimit' | 'trimHeap' | 'exit'> {
  const prctl = bind('prctl', ['i32', 'u64', 'u64', 'u64', 'u64']);
  const exit = bind('_exit', ['i32']);
  const trim = bind('malloc_trim', ['u64']);
  const waitid = bind('waitid', ['i32', 'u32', 'pointer', 'i32'], { expected: errno.ECHILD });
  const prlimit = bind('prlimit64', ['i32', 'i32', 'pointer', 'pointer'], { syscall: 'prlimit' });
  // siginfo_t: si_code at 8, si_pid at 16, si_status at 24. With WNOHANG, si_pid stays 0 if no child has ended.
  const info = Buffer.alloc(128);
  const ended = (): EndedChild => {
    const [exited, status] = [info.readInt32LE(8) === CLD_EXITED, info.readInt32LE(24)];
    return { pid: info.readInt32LE(16), code: exited ? status : null, signal: exited ? null : status };
  };
  const wait = (kind: number, pid: number, options: number): boolean => {
    info.writeInt32LE(0, 16);
    return waitid(kind, pid, info, options | WEXITED | WNOHANG) >= 0 && info.readInt32LE(16) > 0;
  };
  return {
    becomeSubreaper: () => void prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0),
    peekEndedChild: () => (wait(P_ALL, 0, WNOWAIT) ? ended() : null),
    reapChild: pid => (wait(P_PID, pid, 0) ? ended() : null),
    trimHeap: () => void trim(0),
    exit: code => void exit(code),
    limit(resource) {
      const now = new BigUint64Array(2);
      prlimit(0, resource, null, Buffer.from(now.buffer));
      const [soft = NO_LIMIT, hard = NO_LIMIT] = now;
      return { soft, hard };
    },
    setLimit(resource, { soft, hard }) {
      prlimit(0, resource, Buffer.from(new BigUint64Array([soft, hard]).buffer), null);
    },
  };
}

function signals(bind: Bind): Pick<Libc, 'openProcess' | 'signalProcess'> {
  const five: Kind[] = ['i64', 'i64', 'i64', 'i64', 'i64'];
  const open = bind('syscall', five, { result: 'i64', syscall: 'pidfd_open' });
  const send = bind('syscall', five, { result: 'i64', syscall: 'pidfd_send_signal' });
  return {
    openProcess: pid => open(SYS_PIDFD_OPEN, pid, 0, 0, 0),
    signalProcess: (pidFd, signal) => void send(SYS_PIDFD_SEND_SIGNAL, pidFd, signal, 0, 0),
  };
}

function sockets(bind: Bind): Pick<Libc, 'sendDatagram' | 'peerOf' | 'askNetlink' | 'receive'> {
  const socket = bind('socket', ['i32', 'i32', 'i32']);
  const sendto = bind('sendto', ['i32', 'pointer', 'u64', 'i32', 'pointer', 'u32'], { result: 'i64' });
  const recv = bind('recv', ['i32', 'pointer', 'u64', 'i32'], { result: 'i64', expected: errno.EAGAIN });
  const getsockopt = bind('getsockopt', ['i32', 'i32', 'i32', 'pointer', 'pointer']);
  return {
    sendDatagram(address, bytes) {
      const to = socketAddress(address);
      const fd = socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC, 0);
      try {
        sendto(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL, to, to.length);
      } finally {
        process.getBuiltinModule('node:fs').closeSync(fd);
      }
    },
    askNetlink(family, request) {
      const fd = socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC, family);
      const kernel = Buffer.from([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      sendto(fd, request, request.length, MSG_DONTWAIT_NOSIGNAL, kernel, kernel.length);
      return fd;
    },
    receive(fd, into) {
      const bytes = recv(fd, into, into.length, MSG_DONTWAIT_NOSIGNAL);
      return bytes < 0 ? null : bytes;
    },
    peerOf(socketFd) {
      const credentials = Buffer.alloc(12);
      const length = Buffer.from([12, 0, 0, 0]);
      getsockopt(socketFd, SOL_SOCKET, SO_PEERCRED, credentials, length);
      return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) };
    },
  };
}

/** sockaddr_un holds 108 bytes of path. An abstract name begins with a NUL and has none at its end. */
function socketAddress(address: string): Buffer {
  const path = Buffer.from(address.startsWith('@') ? `\0${address.slice(1)}` : `${address}\0`);
  if (path.length > 108) throw new SystemError(errno.ENAMETOOLONG, 'sendto');
  const family = Buffer.from([AF_UNIX, 0]);
  return Buffer.concat([family, path]);
}
