import type { Fact } from '../../core/events.ts';
import { type MemoryCgroup, memoryCgroupOf, oomKills } from '../../host/cgroup.ts';
import { openFiles } from '../../host/process-facts.ts';

/** What was noted of a run while it was up, for when it is gone. */
export interface RunNotes {
  pid: number;
  /** Monotonic ms. */
  startedAtMs: number;
  cgroup: MemoryCgroup | null;
  /** The group's `oom_kill` counter at the start, or when the run came into the group. */
  oomKillsBefore: number | null;
  files: { open: number; limit: number } | null;
}

/** Notes what no one can tell any more of a run that is over. */
export interface RunWatch {
  see(fact: Fact, nowMs: number): void;
  /** Of the current run, or the last one. */
  readonly notes: RunNotes | null;
}

/** A look costs two dozen system calls: soon after a start, when much changes, it is taken often, later seldom. */
const SOONEST_MS = 1000;
const LATEST_MS = 30_000;

export function createRunWatch(): RunWatch {
  // A child begins in the group of its parent, which is ours.
  const own = memoryCgroupOf('self');
  let notes: RunNotes | null = null;
  let lookedAtMs = 0;

  function look(run: RunNotes): void {
    run.files = openFiles(run.pid) ?? run.files;
    // Some starters put themselves into a group of their own first thing.
    const cgroup = memoryCgroupOf(run.pid);
    if (cgroup === null || cgroup.folder === run.cgroup?.folder) return;
    run.cgroup = cgroup;
    run.oomKillsBefore = oomKills(cgroup);
  }

  function isDue({ startedAtMs }: RunNotes, nowMs: number): boolean {
    return nowMs - lookedAtMs >= Math.min(LATEST_MS, Math.max(SOONEST_MS, (nowMs - startedAtMs) / 4));
  }

  return {
    see(fact, nowMs) {
      if (fact.type === 'child-spawned') {
        const oomKillsBefore = own === null ? null : oomKills(own);
        notes = { pid: fact.pid, startedAtMs: nowMs, cgroup: own, oomKillsBefore, files: null };
        lookedAtMs = nowMs;
      } else if (fact.type === 'probes-reported' && notes !== null && isDue(notes, nowMs)) {
        lookedAtMs = nowMs;
        look(notes);
      }
    },
    get notes() {
      return notes;
    },
  };
}
