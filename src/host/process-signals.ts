import type { Signal } from '../core/model.ts';
import { readProcess } from './process-table.ts';

/** What became of a signal: `forbidden` where the kernel says the process is not ours to signal, or a rule of ours does. */
export type SendResult = 'sent' | 'gone' | 'forbidden';

/**
 * A signal to one process, if it is still the one that started at `startTicks`. Between that look and the signal some
 * microseconds pass in which a pid would have to be freed and given out again; Node offers no pidfd to close even that.
 */
export function signalProcess(pid: number, startTicks: number, signal: Signal): SendResult {
  if (pid <= 1 || pid === process.pid) return 'forbidden';
  const row = readProcess(pid);
  if (row === null || row.startTicks !== startTicks || row.dead) return 'gone';
  return deliver(pid, signal);
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

function deliver(target: number, signal: Signal | 0): SendResult {
  try {
    process.kill(target, signal);
    return 'sent';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'gone' : 'forbidden';
  }
}
