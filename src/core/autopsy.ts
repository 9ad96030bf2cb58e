/** What the processes of a run that hangs wait for, and in one sentence what that comes to. Pure. */
import { durationText } from './units.ts';

/** What was read of a run's processes before it was stopped. */
export interface Autopsy {
  /** What it hangs on, for people. */
  sentence: string;
  /** How long the reading took. */
  ms: number;
  processes: ProcessAutopsy[];
}

export interface ProcessAutopsy {
  pid: number;
  parent: number;
  /** Its arguments, joined by blanks. */
  command: string;
  /** As ps writes it: R, S, D, T, t, Z. */
  state: string;
  /** The kernel function that it sleeps in; null: none, or not to be read. */
  waitChannel: string | null;
  threads: number;
  runningThreads: number;
  /** What its threads wait in, the most telling first. */
  waits: Wait[];
  sockets: SocketAutopsy[];
  /** Files that it holds open, without libraries and devices. */
  files: string[];
  /** Share of one core since the last sample, at most a minute or so before; null: no sample. */
  cpuShare: number | null;
}

/** A system call that threads of a process are in. */
export interface Wait {
  /** By name, or `system call N`. */
  call: string;
  /** What the descriptor of the call is open on: `ADDRESS:PORT STATE`, a path, `a pipe`, `standard input (a pipe)`; null where it has none. */
  on: string | null;
  threads: number;
}

export interface SocketAutopsy {
  local: string;
  peer: string;
  state: string;
  receivedAgoMs: number;
  receiveQueue: number;
  sendQueue: number;
}

/** A finding about one process, and how telling it is. */
interface Finding {
  rank: number;
  text: string;
}

const RECEIVES = new Set(['read', 'readv', 'recvfrom', 'recvmsg']);
const SENDS = new Set(['write', 'writev', 'sendto', 'sendmsg']);
const POLLS = new Set(['poll', 'ppoll', 'select', 'pselect6', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2']);
const SLEEPS = new Set(['nanosleep', 'clock_nanosleep']);
const SIGNAL_WAITS = new Set(['pause', 'rt_sigsuspend', 'rt_sigtimedwait']);
const ACCEPTS = new Set(['accept', 'accept4']);
const OPENS = new Set(['open', 'openat']);
/** The wait channel of an open of a named pipe whose other end nobody has opened. */
const FIFO_OPEN = 'wait_for_partner';
const CHILD_WAITS = new Set(['wait4', 'waitid']);
const FILE_LOCKS = new Set(['flock', 'fcntl']);
const DISK = new Set(['fsync', 'fdatasync', 'openat', 'pread64', 'pwrite64']);
/** Below this share of a core a tree used none worth the name. */
const NO_CPU = 0.005;
const BUSY = 0.5;

/** What a run hangs on, from all of its processes: the most telling wait, and what CPU they used. */
export function hangSentence(processes: readonly ProcessAutopsy[]): string {
  const found = processes
    .map(process => ({ process, ...findingOf(process) }))
    .sort((one, other) => other.rank - one.rank || other.process.pid - one.process.pid)[0];
  if (found === undefined) return 'no process of the run could be read';
  const { process, text } = found;
  return `${nameOf(process)} (pid ${process.pid}) ${text}; ${cpuWords(processes)}`;
}

function findingOf(process: ProcessAutopsy): Finding {
  const { state, waitChannel } = process;
  if (state === 'T')
    return { rank: 100, text: 'is stopped by SIGSTOP or another stop signal, and goes on after SIGCONT' };
  if (state === 't') return { rank: 100, text: 'is stopped by a debugger or tracer' };
  if (state === 'Z') return { rank: 1, text: 'has ended and was not waited for by its parent' };
  if (state === 'D')
    return { rank: 97, text: `waits for a disk or network file system (${waitChannel ?? 'uninterruptible sleep'})` };
  if (process.cpuShare !== null && process.cpuShare > BUSY) return { rank: 75, text: 'computes' };
  const findings = process.waits.map(wait => waitOf(wait, process));
  return findings.sort((one, other) => other.rank - one.rank)[0] ?? { rank: 75, text: 'computes' };
}

function waitOf({ call, on }: Wait, process: ProcessAutopsy): Finding {
  if (FILE_LOCKS.has(call)) return { rank: 95, text: `waits for the lock on ${on ?? 'a file'} (${call})` };
  if (call === 'connect') return { rank: 90, text: `waits for a connection to ${on ?? 'another end'} (connect)` };
  const socket = process.sockets.find(({ peer, state }) => on === `${peer} ${state}`);
  if (socket !== undefined && RECEIVES.has(call)) return { rank: 90, text: socketWords(socket) };
  if (SENDS.has(call)) return { rank: 85, text: `waits for the reader of ${on ?? 'what it writes'} (${call})` };
  if (POLLS.has(call)) return polls(process, call);
  if (RECEIVES.has(call)) return { rank: 70, text: `waits for input from ${on ?? 'a descriptor'} (${call})` };
  if (OPENS.has(call) && process.waitChannel === FIFO_OPEN)
    return { rank: 85, text: `waits for another program to open the other end of a named pipe (${call})` };
  if (DISK.has(call)) return { rank: 65, text: `is in ${call} on ${on ?? 'a file'}` };
  if (call === 'futex') return { rank: 60, text: 'waits for a lock held by another thread or process (futex)' };
  if (ACCEPTS.has(call)) return listening(process, call) ?? { rank: 40, text: `waits for connections (${call})` };
  if (SIGNAL_WAITS.has(call)) return { rank: 50, text: `waits for a signal (${call})` };
  if (SLEEPS.has(call)) return { rank: 50, text: `sleeps (${call})` };
  if (CHILD_WAITS.has(call)) return { rank: 10, text: `waits for a child process (${call})` };
  return { rank: 20, text: `is in ${call}${on === null ? '' : ` on ${on}`}` };
}

/** Event loops wait for all of their connections at once: the one that is most likely stuck is named. */
function polls(process: ProcessAutopsy, call: string): Finding {
  const { sockets } = process;
  const stuck = [...sockets].sort((one, other) => stuckness(other) - stuckness(one))[0];
  if (stuck !== undefined && stuckness(stuck) > 0) return { rank: 80, text: socketWords(stuck) };
  return listening(process, call) ?? { rank: 45, text: `waits for events, without an open TCP connection (${call})` };
}

function listening({ sockets }: ProcessAutopsy, call: string): Finding | null {
  const listens = sockets.find(({ state }) => state === 'LISTEN');
  return listens === undefined ? null : { rank: 40, text: `waits for connections on ${listens.local} (${call})` };
}

/** A lookup of a name has its socket only while it is under way. */
const isLookup = ({ peer, state }: Pick<SocketAutopsy, 'peer' | 'state'>): boolean =>
  state === 'UDP' && peer.endsWith(':53');

function stuckness({ peer, state, sendQueue }: SocketAutopsy): number {
  if (state === 'LISTEN') return 0;
  if (isLookup({ peer, state })) return 5;
  if (state === 'CLOSE_WAIT') return 4;
  if (state === 'SYN_SENT' || sendQueue > 0) return 3;
  return state === 'ESTABLISHED' ? 2 : 1;
}

function socketWords({ peer, state, receivedAgoMs, sendQueue, receiveQueue }: SocketAutopsy): string {
  if (isLookup({ peer, state })) return `waits for ${peer} to look up a name (UDP)`;
  if (state === 'UDP') return `waits for ${peer} (UDP)`;
  if (state === 'CLOSE_WAIT') return `holds a connection that ${peer} has closed (CLOSE_WAIT)`;
  if (state === 'SYN_SENT') return `waits for a connection to ${peer} (SYN_SENT)`;
  const unsent = sendQueue > 0 ? `, ${sendQueue} bytes not acknowledged` : '';
  const unread = receiveQueue > 0 ? `, ${receiveQueue} bytes not read` : '';
  return `waits for ${peer} (${state}, nothing received for ${durationText(receivedAgoMs)}${unsent}${unread})`;
}

/** The program without its folder, and the script that it runs, if there is one. */
function nameOf({ command }: ProcessAutopsy): string {
  const [program = '', ...rest] = command.split(' ').map(word => word.slice(word.lastIndexOf('/') + 1));
  const script = /^(?:python|node|ruby|perl|php|bash|sh|deno|bun)/.test(program)
    ? rest.find(word => /^[^-].*\.\w+$/.test(word))
    : undefined;
  return [program || 'a process', script].filter(word => word !== undefined).join(' ');
}

function cpuWords(processes: readonly ProcessAutopsy[]): string {
  const shares = processes.map(({ cpuShare }) => cpuShare).filter(share => share !== null);
  if (shares.length === 0) return 'CPU use not known';
  const share = shares.reduce((sum, one) => sum + one, 0);
  return share < NO_CPU ? 'no CPU time used' : `${Math.max(1, Math.round(share * 100))}% of a core used`;
}

/** All that was read of one process, in one line. */
export function processWords(process: ProcessAutopsy): string {
  const { pid, command, state, waitChannel, threads, runningThreads, waits, sockets, files, cpuShare } = process;
  const parts = [
    `state ${state}${waitChannel === null ? '' : ` in ${waitChannel}`}`,
    ...waits.map(
      wait =>
        `${wait.call}${wait.on === null ? '' : ` on ${wait.on}`}${wait.threads > 1 ? ` (${wait.threads} threads)` : ''}`,
    ),
    `${threads} ${threads === 1 ? 'thread' : 'threads'}, ${runningThreads} running`,
    ...(cpuShare === null ? [] : [`${(100 * cpuShare).toFixed(1)}% CPU`]),
    ...sockets.map(({ local, peer, state: is }) => (is === 'LISTEN' ? `listens on ${local}` : `${peer} ${is}`)),
    ...(files.length === 0 ? [] : [`open: ${files.join(', ')}`]),
  ];
  return `${pid} ${command}: ${parts.join('; ')}`;
}
