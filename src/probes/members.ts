import { bears, newestPid, type ProcessRow, readProcess, readTable } from '../host/process-table.ts';
import type { WatchedRun } from './probe.ts';

/** Finds the pids of a run, again and again, at little cost. */
export type MemberFinder = () => readonly number[];

/**
 * The child, its group and session, its descendants, and what bears the run's id. Pids are given out in order, so each call reads
 * only processes that are newer than the last call's: a walk of all of /proc every few seconds would be most of what an idle
 * watcher costs. Where the system does not tell its newest pid, all are read.
 */
export function createMemberFinder(run: WatchedRun): MemberFinder {
  const members = new Map<number, number>([[run.pid, run.startTicks ?? -1]]);
  const entry = `AGENT_WATCH_RUN_ID=${run.runId}`;
  let lookedUpTo = run.pid;

  return () => {
    const newest = newestPid();
    if (newest === null || newest !== lookedUpTo) {
      const first = lookedUpTo + 1;
      adopt(readTable(newest === null ? null : { first, last: newest }));
      if (newest !== null) lookedUpTo = newest;
    }
    for (const [pid, startTicks] of members) {
      const row = readProcess(pid);
      if (row === null || row.dead || (startTicks !== -1 && row.startTicks !== startTicks)) members.delete(pid);
    }
    return [...members.keys()];
  };

  function adopt(rows: readonly ProcessRow[]): void {
    let strangers = rows.filter(row => row.pid !== process.pid && row.startTicks >= (run.startTicks ?? 0));
    for (let grew = true; grew; ) {
      const found = strangers.filter(
        row => members.has(row.parent) || row.group === run.pid || row.session === run.pid || bears(row.pid, entry),
      );
      for (const row of found) members.set(row.pid, row.startTicks);
      strangers = strangers.filter(row => !found.includes(row));
      grew = found.length > 0 && strangers.length > 0;
    }
  }
}
