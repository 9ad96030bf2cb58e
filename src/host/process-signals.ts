import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Signal } from '../core/model.ts';
import { signalNumber } from '../core/signals.ts';
import { type Libc, libc } from './libc.ts';
import { readProcess } from './process-table.ts';

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
export function deliver(target: number, signal: Signal | 0): SendResult {
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
