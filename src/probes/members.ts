import { monoNow } from '../host/clock.ts';
import { bears, type ProcessRow, readTable } from '../host/process-table.ts';
import { type OpenLine, openLine, reopenedLine } from './open-line.ts';
import type { WatchedRun } from './probe.ts';

/** Measures a run's processes again and again, at little cost. */
export interface Members {
  /** The `statm` line of each live process of the run, by pid; on systems without /proc the line is empty. */
  look(): ReadonlyMap<number, string>;
  close(): void;
}

const hasProc = process.platform === 'linux';
/** Descriptors are few, and a tree may have any number of processes. */
const MOST_OPEN = 64;
/** So many new processes are looked at one by one. */
const FEW_PIDS = 16;
const WALK_EVERY_MS = 15_000;
/** Where nothing is judged by the memory, and only its history is kept. */
export const SELDOM_MS = 120_000;

/**
 * The child, its group and session, its descendants, and what bears the run's id. Pids are given out in order, so a look reads only
 * processes that are newer than the last look's; where many are, because others fork a lot, the members' own lists of children are
 * asked instead, and the others' only now and then. A walk of all of /proc every few seconds would be most of what an idle
 * watcher costs. A member's file stays open: reading it again is one system call, and it never speaks of another process that got
 * the same pid. Where the system does not tell its newest pid, all processes are read.
 */
export function openMembers(run: WatchedRun, walkEveryMs = WALK_EVERY_MS): Members {
  const entry = `AGENT_WATCH_RUN_ID=${run.runId}`;
  const newestPid = hasProc ? openLine('/proc/sys/kernel/ns_last_pid') : null;
  const members = new Map<number, OpenLine | null>();
  let lookedUpTo = run.pid;
  let walkedAt = Number.NEGATIVE_INFINITY;
  adoptOne(run.pid);

  function adoptOne(pid: number): void {
    const path = `/proc/${pid}/statm`;
    const line = !hasProc ? null : members.size < MOST_OPEN ? openLine(path) : reopenedLine(path);
    if (line !== null || !hasProc) members.set(pid, line);
  }

  function adopt(rows: readonly ProcessRow[]): void {
    let strangers = rows.filter(
      row => row.pid !== process.pid && !members.has(row.pid) && !row.dead && row.startTicks >= (run.startTicks ?? 0),
    );
    for (let grew = true; grew; ) {
      const found = strangers.filter(
        row => members.has(row.parent) || row.group === run.pid || row.session === run.pid || bears(row.pid, entry),
      );
      for (const row of found) adoptOne(row.pid);
      strangers = strangers.filter(row => !found.includes(row));
      grew = found.length > 0 && strangers.length > 0;
    }
  }

  // Only children of a process's first thread: what others forked is found by the walk.
  function adoptChildren(): void {
    // A map that grows while it is walked is walked to its new end: so grandchildren are found too.
    for (const pid of members.keys()) {
      const children = openLine(`/proc/${pid}/task/${pid}/children`);
      for (const child of children?.read()?.trim().split(' ') ?? [])
        if (child !== '' && !members.has(Number(child))) adoptOne(Number(child));
      children?.close();
    }
  }

  function findNew(): void {
    const newest = Number(newestPid?.read() ?? Number.NaN);
    if (newest === lookedUpTo) return;
    const few = newest > lookedUpTo && newest - lookedUpTo <= FEW_PIDS;
    const now = monoNow();
    if (hasProc && !few && now - walkedAt < walkEveryMs) return adoptChildren();
    walkedAt = now;
    adopt(readTable(Number.isNaN(newest) ? null : { first: lookedUpTo + 1, last: newest }));
    if (!Number.isNaN(newest)) lookedUpTo = newest;
  }

  return {
    look() {
      findNew();
      const live = new Map<number, string>();
      for (const [pid, line] of members) {
        const text = line === null ? '' : line.read();
        if (text !== null && !text.startsWith('0 ')) live.set(pid, text);
        else {
          line?.close();
          members.delete(pid);
        }
      }
      return live;
    },
    close() {
      newestPid?.close();
      for (const line of members.values()) line?.close();
      members.clear();
    },
  };
}
