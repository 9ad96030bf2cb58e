/**
 * Tells whether a process tree that prints nothing is working or idle, by two readings of it. Pure.
 *
 * Signs of life, as measured on agents that wait, stream, run tools and hang: payload that a socket received (a hung one receives
 * none; its own retries send, but little), more than a few retries' worth acknowledged by the other end, CPU time beyond what an
 * event loop needs to wait, a file held open for writing that grew. A process younger than the silence, or a child that came
 * and went, is a weak sign: a tool runs, or a helper stayed behind. Weak signs count for a limited time only.
 */
import type { Mono } from './units.ts';

/** What a look at a process tree found. Times in ms, sizes in bytes. */
export interface TreeReading {
  at: Mono;
  /** The kernel's clock for start times, in its ticks (100 a second). */
  nowTicks: number;
  processes: readonly ProcessReading[];
  sockets: readonly SocketReading[];
  files: readonly FileReading[];
  /** Connections and datagrams that the machine, or the container, has begun: whose they are is not known. Null: not known. */
  opened: number | null;
}

interface ProcessReading {
  pid: number;
  startTicks: number;
  /** In steps of 10 ms, of threads that have ended too. */
  cpuMs: number;
  /** CPU time of its threads, finer than `cpuMs`. */
  threadsMs: number;
  /** How long they were ready to run and got no CPU: on a busy machine a program that computes shows little CPU time. */
  starvedMs: number;
  /** Page faults of the children that it has waited for: more of them means that one came and went. */
  reapedFaults: number;
}

interface SocketReading {
  inode: number;
  received: number;
  acked: number;
  /** How long ago it received payload. */
  receivedAgoMs: number;
}

interface FileReading {
  /** Its path. */
  name: string;
  bytes: number;
}

/** A reason to believe that the tree works. */
export interface SignOfLife {
  at: Mono;
  weak: boolean;
  /** A noun phrase for a person. */
  words: string;
}

/** More than this acknowledged is an upload; a request that is retried is smaller. */
const UPLOAD_BYTES = 65_536;
/** A share of one core. Event loops that wait were measured at 0.3 to 2 %. */
const BUSY_SHARE = 0.1;
/**
 * Of a core that it used or waited for: a program that computes on a busy machine. It gets some of the CPU at least, while one that only
 * wakes up often waits for it each time, and uses next to nothing.
 */
const WANTED_SHARE = 0.5;
const GOT_SHARE = 0.02;
/** A smaller share counts if it is three times the tree's own usual one. */
const UNUSUAL_SHARE = 0.03;
const UNUSUAL_FACTOR = 3;
/** The part of the time between looks that must have passed for a share to be judged. */
export const FULL_LOOK = 0.7;
/** A tree that hardly runs, and woke up to do this much and open a connection, polls. */
const POLL_MS = 0.3;

interface IdlenessOptions {
  /** Looks are this far apart. */
  lookEveryMs: number;
  /** The CPU is judged over the time since this reading. */
  cpuSince: TreeReading;
  /** The tree hardly runs between most looks. */
  quiet: boolean;
  /** CPU share of the tree over its life so far, of one core. */
  usualShare: number;
  /** What started after this, in ticks of the kernel's clock, is younger than the silence. */
  bornAfterTicks: number;
}

/** The strongest sign of life between two readings; null: none. */
export function signOfLife(before: TreeReading, now: TreeReading, options: IdlenessOptions): SignOfLife | null {
  return (
    bySockets(before, now) ??
    byFiles(before, now) ??
    byCpu(now, options) ??
    byPoll(before, now, options) ??
    byProcesses(before, now, options)
  );
}

function bySockets(before: TreeReading, now: TreeReading): SignOfLife | null {
  const known = new Map(before.sockets.map(socket => [socket.inode, socket]));
  let newest: SignOfLife | null = null;
  for (const { inode, received, acked, receivedAgoMs } of now.sockets) {
    const old = known.get(inode);
    // A number that fell belongs to another socket, which got the inode of the former one.
    const same = old !== undefined && old.received <= received && old.acked <= acked;
    const gotBytes = received - (same ? old.received : 0);
    const sentBytes = acked - (same ? old.acked : 0);
    if (gotBytes <= 0 && sentBytes <= UPLOAD_BYTES) continue;
    const at = Math.max(before.at, gotBytes > 0 ? now.at - receivedAgoMs : now.at) as Mono;
    const words = gotBytes > 0 ? 'data received' : 'data sent';
    if (newest === null || at > newest.at) newest = { at, weak: false, words };
  }
  return newest;
}

function byFiles(before: TreeReading, now: TreeReading): SignOfLife | null {
  const known = new Map(before.files.map(file => [file.name, file.bytes]));
  const grown = now.files.some(({ name, bytes }) => bytes > (known.get(name) ?? 0));
  return grown ? { at: now.at, weak: false, words: 'a file growing' } : null;
}

function byCpu(now: TreeReading, options: IdlenessOptions): SignOfLife | null {
  const { cpuSince: before } = options;
  const elapsedMs = now.at - before.at;
  // Over a moment the share is chance.
  if (elapsedMs < options.lookEveryMs * FULL_LOOK) return null;
  const share = cpuUsed(before, now) / elapsedMs;
  const wanted = share + grownBy(before, now, process => process.starvedMs) / elapsedMs;
  const busy =
    share > BUSY_SHARE ||
    (wanted > WANTED_SHARE && share > GOT_SHARE) ||
    (share > UNUSUAL_SHARE && share > UNUSUAL_FACTOR * options.usualShare);
  if (busy) return { at: now.at, weak: false, words: 'CPU time used' };
  return null;
}

/** User and system time, each told in whole ticks of 10 ms: a moment's work may make either step on. */
const ROUNDED_MS = 20;

/** CPU time between two looks, in ms: that of the threads, or with those that have ended, as far as it is more than rounding. */
function cpuUsed(before: TreeReading, now: TreeReading): number {
  const withEnded = grownBy(before, now, process => process.cpuMs);
  return Math.max(
    grownBy(before, now, process => process.threadsMs),
    withEnded - ROUNDED_MS * now.processes.length,
  );
}

/** How much a number of the processes that were there before has grown, all together; new ones count whole. */
function grownBy(before: TreeReading, now: TreeReading, of: (process: ProcessReading) => number): number {
  const known = new Map(before.processes.map(process => [`${process.pid} ${process.startTicks}`, of(process)]));
  const grown = now.processes.map(process => of(process) - (known.get(`${process.pid} ${process.startTicks}`) ?? 0));
  return grown.reduce((sum, amount) => sum + Math.max(0, amount), 0);
}

function byProcesses(before: TreeReading, now: TreeReading, options: IdlenessOptions): SignOfLife | null {
  if (now.processes.some(process => process.startTicks > options.bornAfterTicks))
    return { at: now.at, weak: true, words: 'a process started since' };
  if (grownBy(before, now, process => process.reapedFaults) > 0)
    return { at: now.at, weak: true, words: 'a process that came and went' };
  return null;
}

// A tree that hardly ran in most of the time between looks ran for a moment in this one, and a connection or a datagram was begun
// meanwhile. The connection is closed again before anybody looks, so this is all that can be seen of a poll.
function byPoll(before: TreeReading, now: TreeReading, { quiet }: IdlenessOptions): SignOfLife | null {
  if (!quiet || before.opened === null || now.opened === null || now.opened <= before.opened) return null;
  if (grownBy(before, now, process => process.threadsMs) < POLL_MS) return null;
  return { at: now.at, weak: false, words: 'a connection made' };
}

/**
 * What starts within this part of the limit after the command does belongs to the start, but no longer than so many ms: an agent's first
 * tool may come soon, and must not be taken for one of its helpers.
 */
const STARTING = 0.1;
const MOST_STARTING_MS = 3000;
/** Words about a tool come up to so long after its start, but at most this part of the limit: one agent was seen to take 3 s. */
const ANNOUNCED_LATE_MS = 10_000;
const ANNOUNCED_PART = 0.5;
const TICK_MS = 10;

/**
 * After which moment a process must have started to be younger than a silence that began at `silentSince`, in ticks of the kernel's clock.
 * `first`: a reading made during the silence, as early as there is one, because only one of the two clocks runs while the machine is
 * suspended.
 */
export function bornAfterTicks(first: TreeReading, silentSince: Mono, limitMs: number): number {
  const startingMs = Math.min(MOST_STARTING_MS, STARTING * limitMs);
  const silentMs = first.at - silentSince + Math.min(ANNOUNCED_LATE_MS, ANNOUNCED_PART * limitMs);
  const commandTicks = Math.min(...first.processes.map(process => process.startTicks));
  return Math.max(commandTicks + startingMs / TICK_MS, first.nowTicks - silentMs / TICK_MS);
}

/** CPU time of the tree between two looks, in ms a second. */
export function cpuRate(before: TreeReading, now: TreeReading): number {
  const elapsedS = Math.max(0.001, (now.at - before.at) / 1000);
  return grownBy(before, now, process => process.threadsMs) / elapsedS;
}

/** The share of one core that the tree used over its life. */
export function usualShare({ processes, nowTicks }: TreeReading): number {
  const oldest = Math.min(...processes.map(process => process.startTicks));
  const lifeMs = Math.max(1, nowTicks - oldest) * 10;
  return processes.reduce((sum, process) => sum + process.cpuMs, 0) / lifeMs;
}
