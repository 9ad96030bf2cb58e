/**
 * A mark on every process of a run that outlives whatever the process does to its parent, session, environment and user, and our own
 * death: a number in a resource limit.
 *
 * RLIMIT_LOCKS has had no effect since Linux 2.4.25, but it is inherited over fork, exec and setuid, kept by the kernel for
 * each process, and shown to everybody in /proc/PID/limits. The soft limit is set around the spawn alone; our own stays as it was given.
 * An ordinary user may lower it and raise it again up to the hard limit, which is "unlimited" everywhere but after `ulimit -Hx`.
 * Rejected: a control group (needs root or a delegated one), the environment alone (a daemon empties it), looking at the tree now and
 * then (misses what came and went between two looks, and keeps an idle watcher awake).
 *
 * The number holds the run, and the run that the watcher itself is part of, if it is watched by another one.
 */
import { readFileSync } from 'node:fs';
import { refuseShortage } from './errno.ts';
import { type Limit, libc } from './libc.ts';

const RLIMIT_LOCKS = 10;
const ROW = 'Max file locks';
/** The number: this bit, 31 bits of the outer run, 31 bits of the run. */
const MARKED = 1n << 62n;
const RUN_BITS = 31n;
const RUN_MASK = (1n << RUN_BITS) - 1n;

/** Our own limit as it was given to us; undefined: not read yet, null: it cannot be set. */
let given: Limit | null | undefined;

/** Runs something that starts a process, which carries the mark of this run. Without libc or room in the limit it carries none. */
export function withRunMark<T>(runId: string, start: () => T): T {
  const own = shortId(runId);
  given ??= readLimit();
  if (own === null || given === null) return start();
  const outer = markOf(given.soft)?.own ?? 0n;
  if (!setSoft(MARKED | (outer << RUN_BITS) | own, given)) return start();
  try {
    return start();
  } finally {
    setSoft(given.soft, given);
  }
}

/** For a program that is not to end with the run that it was started in: what it starts from here on carries no mark. */
export function shedRunMark(): void {
  given ??= readLimit();
  if (given !== null && markOf(given.soft) !== null) setSoft(given.hard, given);
}

/** Whether a process carries the mark of this run, or of a run inside it. False where that cannot be read. */
export function carriesRunMark(pid: number | 'self', runId: string): boolean {
  const own = shortId(runId);
  if (own === null) return false;
  const mark = markOf(softOf(pid));
  return mark !== null && (mark.own === own || mark.outer === own);
}

function markOf(soft: bigint | null): { own: bigint; outer: bigint } | null {
  if (soft === null || soft >> 62n !== 1n) return null;
  return { own: soft & RUN_MASK, outer: (soft >> RUN_BITS) & RUN_MASK };
}

// A run's id is random, so any part of it is.
function shortId(runId: string): bigint | null {
  return /^[0-9a-f]{8}/.test(runId) ? BigInt(`0x${runId.slice(0, 8)}`) & RUN_MASK : null;
}

function softOf(pid: number | 'self'): bigint | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/limits`, 'latin1');
  } catch (error) {
    refuseShortage(error);
    // Gone, hidden from us, or no /proc.
    return null;
  }
  const found = /^ +(\d+) /.exec(text.slice(text.indexOf(ROW) + ROW.length))?.[1];
  return found === undefined ? null : BigInt(found);
}

function readLimit(): Limit | null {
  try {
    const limit = libc()?.limit(RLIMIT_LOCKS) ?? null;
    return limit !== null && limit.hard > MARKED * 2n ? limit : null;
  } catch {
    // Refused by a filter of system calls: then the environment alone marks a run.
    return null;
  }
}

function setSoft(soft: bigint, { hard }: Limit): boolean {
  try {
    libc()?.setLimit(RLIMIT_LOCKS, { soft, hard });
    return true;
  } catch {
    // As above; a limit that could be read and not set.
    return false;
  }
}
