import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Signal, Survivor } from '../core/model.ts';
import { signalName, signalNumber } from '../core/signals.ts';
import { timerMs } from '../core/units.ts';
import { type EndedChild, type Libc, libc } from './libc.ts';
import { argumentsOf } from './process-facts.ts';
import { readProcess, usersOf } from './process-table.ts';
import { procText } from './read-file.ts';

/** What became of a signal: `forbidden` where the kernel says the process is not ours to signal, or one of our rules does. */
export type SendResult = 'sent' | 'gone' | 'forbidden';

/**
 * A signal to one process, if it is still the one that started at `startTicks`. By a descriptor of the process, which is opened before that
 * look: a pid that is given out again in between is not hit. Without libc some microseconds pass in which it would have to be.
 */
export function signalProcess(pid: number, startTicks: number, signal: Signal): SendResult {
  if (pid <= 1 || pid === process.pid) return 'forbidden';
  const calls = libc();
  const number = numberOf(signal);
  const pidFd = calls === null ? null : open(calls, pid);
  try {
    const row = readProcess(pid);
    if (row === null || row.startTicks !== startTicks || row.dead) return 'gone';
    return calls === null || pidFd === null ? deliver(pid, signal) : sent(() => calls.signalProcess(pidFd, number));
  } finally {
    if (pidFd !== null) closeSync(pidFd);
  }
}

/** Null where there is no such process, or the kernel is older than 5.3: then the pid has to do. */
function open(calls: Libc, pid: number): number | null {
  try {
    return calls.openProcess(pid);
  } catch {
    return null;
  }
}

/**
 * A signal to a whole process group, in one step for the kernel: nothing can fork out of it. Refused for groups 0, 1 and our
 * own, where kill(2) would mean us, everybody, or our caller's pipeline.
 */
export function signalGroup(group: number, signal: Signal): SendResult {
  if (!Number.isSafeInteger(group) || group <= 1 || group === process.pid) return 'forbidden';
  const own = readProcess(process.pid)?.group;
  if (own === undefined || own === group) return 'forbidden';
  return deliver(-group, signal);
}

/** Whether the kernel would let us signal this process. */
export function maySignal(pid: number): boolean {
  return pid > 1 && deliver(pid, 0) === 'sent';
}

/** Whether the kernel refuses our signals to this process. */
export function isForbidden(pid: number): boolean {
  return pid > 1 && deliver(pid, 0) === 'forbidden';
}

/** Node knows no real-time signal by name. */
function numberOf(signal: Signal): number {
  const number = constants.signals[signal] ?? signalNumber(signal);
  if (number === null) throw new Error(`unknown signal ${signal}`);
  return number;
}

/** To a process, or with a negative number to a group; 0 only asks whether that would be allowed. The caller knows what the pid means. */
function deliver(target: number, signal: Signal | 0): SendResult {
  return sent(() => void process.kill(target, signal === 0 ? 0 : numberOf(signal)));
}

function sent(send: () => void): SendResult {
  try {
    send();
    return 'sent';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'gone' : 'forbidden';
  }
}

// Why a process does not end though it was told to, as far as the kernel shows it. Sources: proc(5), cgroups(7), kill(2).

/** What is known of a process that outlived SIGKILL, or that may not be signalled. */
export function survivorOf(pid: number): Survivor {
  const program = argumentsOf(pid)[0];
  const named = program === undefined ? '' : `(${program.slice(0, PROGRAM_CHARS)}) `;
  return { pid, why: named + reason(pid) };
}

const PROGRAM_CHARS = 100;

function reason(pid: number): string {
  if (isForbidden(pid)) {
    const owner = usersOf(pid)?.real;
    return owner === undefined
      ? 'cannot be signalled: the kernel refuses'
      : `belongs to user ${owner}, and the kernel refuses our signals (EPERM)`;
  }
  if (isFrozen(pid)) return 'is in a frozen control group and does not react to SIGKILL';
  const waits = /^State:\s+D/m.test(procText(`/proc/${pid}/status`) ?? '');
  if (!waits) return 'does not react to SIGKILL';
  const where = (procText(`/proc/${pid}/wchan`) ?? '').trim();
  const inside = where === '' || where === '0' ? '' : ` in ${where}`;
  return `does not react to SIGKILL: it waits uninterruptibly${inside} (state D), as for a disk or a network mount`;
}

function isFrozen(pid: number): boolean {
  return (procText(`/proc/${pid}/cgroup`) ?? '').split('\n').some(line => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return false;
    if (controllers === '') return /^frozen 1$/m.test(procText(`/sys/fs/cgroup${path}/cgroup.events`) ?? '');
    return (
      controllers === 'freezer' && (procText(`/sys/fs/cgroup/freezer${path}/freezer.state`) ?? '').trim() === 'FROZEN'
    );
  });
}

// Takes in what our descendants leave behind: their orphans become our children instead of init's, and are reaped when they end. So no
// zombie is left where nobody else reaps, as where we are PID 1, and what a run leaves stays in our part of the process tree.
//
// libuv reaps the children that it started, each by its pid, and would never notice an end that was collected elsewhere.
// So theirs are left alone: node:diagnostics_channel tells of each. What must be told exactly is taken from libuv (`reapExactly`).

/** How long an ended child of libuv's is waited for at first, and at most, before the next look. */
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

/** Begins, for the rest of this process. To be called before anything is started. Returns false where libc cannot be called. */
export function adoptOrphans(): boolean {
  const calls = libc();
  if (calls === null) return false;
  try {
    calls.becomeSubreaper();
  } catch {
    // Linux before 3.4, or a filter of system calls. As PID 1 the watcher gets orphans anyway.
  }
  const isOwn = ownChildren();
  let timer: NodeJS.Timeout | null = null;
  let waitMs = FIRST_WAIT_MS;

  function reap(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    for (const [pid, tell] of taken) takeEnd(calls, pid, tell);
    for (let ended = calls?.peekEndedChild(); ended; ended = calls?.peekEndedChild()) {
      if (isOwn(ended.pid) || taken.has(ended.pid)) return again();
      calls?.reapChild(ended.pid);
      waitMs = FIRST_WAIT_MS;
    }
    waitMs = FIRST_WAIT_MS;
  }

  // The kernel shows the oldest one only, so what lies behind libuv's waits until libuv has had the same signal.
  function again(): void {
    timer = setTimeout(reap, waitMs).unref();
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }

  process.on('SIGCHLD', reap);
  reaping = true;
  return true;
}

let reaping = false;
/** Children that libuv no longer waits for, and who is told of their end. */
const taken = new Map<number, (ended: EndedChild) => void>();
/** An empty loop would end us: libuv's handle is no longer there to keep it. */
let keepsLoop: NodeJS.Timeout | null = null;

/** What of Node's handle of a process is used here; it is the same since its first version. */
interface ProcessHandle {
  onexit(code: number, signal: string): void;
  close(): void;
}

/**
 * Has a child that was started just now reaped here instead of by libuv, which tells a death by a real-time signal (34 to 64) as exit
 * code 0. Its events come as ever, with the right code or signal. Without libc nothing changes.
 */
export function reapExactly(child: ChildProcess): void {
  const { _handle: handle } = child as ChildProcess & { _handle?: ProcessHandle | null };
  const { pid } = child;
  if (!reaping || pid === undefined || typeof handle?.onexit !== 'function') return;
  const { onexit } = handle;
  // From here on libuv knows of no such child.
  handle.close();
  child.kill = signal => taken.has(pid) && deliver(pid, (signal ?? 'SIGTERM') as Signal) === 'sent';
  taken.set(pid, ({ code, signal }) => onexit.call(handle, code ?? 0, signal === null ? '' : signalName(signal)));
  keepsLoop ??= setInterval(() => {}, timerMs(Infinity));
}

function takeEnd(calls: Libc | null, pid: number, tell: (ended: EndedChild) => void): void {
  const ended = calls?.reapChild(pid);
  if (!ended) return;
  taken.delete(pid);
  if (taken.size === 0 && keepsLoop !== null) {
    clearInterval(keepsLoop);
    keepsLoop = null;
  }
  tell(ended);
}

// Told of before it is started: one that has no pid by the next look could not be started.
function ownChildren(): (pid: number) => boolean {
  const own = new Set<ChildProcess>();
  const forgetEnded = () => {
    for (const child of own)
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) own.delete(child);
  };
  const { subscribe } = process.getBuiltinModule('node:diagnostics_channel');
  subscribe('child_process', message => {
    forgetEnded();
    own.add((message as { process: ChildProcess }).process);
  });
  return pid => {
    forgetEnded();
    return [...own].some(child => child.pid === pid);
  };
}
