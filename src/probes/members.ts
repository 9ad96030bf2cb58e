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

/**
 * The child, its group and session, its descendants, and what bears the run's id. Pids are given out in order, so each look reads
 * only processes that are newer than the last look's: a walk of all of /proc every few seconds would be most of what an idle
 * watcher costs. A member's file stays open: reading it again is one system call, and it never speaks of another process that got
 * the same pid. Where the system does not tell its newest pid, all processes are read.
 */
export function openMembers(run: WatchedRun): Members {
  const entry = `AGENT_WATCH_RUN_ID=${run.runId}`;
  const newestPid = hasProc ? openLine('/proc/sys/kernel/ns_last_pid') : null;
  const members = new Map<number, OpenLine | null>();
  let lookedUpTo = run.pid;
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

  return {
    look() {
      const newest = Number(newestPid?.read() ?? Number.NaN);
      if (Number.isNaN(newest)) adopt(readTable(null));
      else if (newest !== lookedUpTo) adopt(readTable({ first: lookedUpTo + 1, last: newest }));
      if (!Number.isNaN(newest)) lookedUpTo = newest;
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
