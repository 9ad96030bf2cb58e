import type { Autopsy } from '../../core/autopsy.ts';
import type { Fact } from '../../core/events.ts';
import type { CpuSample } from '../../host/autopsy.ts';
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
  /** What its processes did before it was stopped by a probe. */
  autopsy: Autopsy | null;
}

/** Notes what no one can tell any more of a run that is over. */
export interface RunWatch {
  see(fact: Fact, nowMs: number): void;
  /** Reads what the processes of the run do at this moment; a few milliseconds. */
  examine(): void;
  /** Of the current run, or the last one. */
  readonly notes: RunNotes | null;
}

type AutopsyReader = Pick<typeof import('../../host/autopsy.ts'), 'readAutopsy' | 'sampleCpu'>;

/** A look costs two dozen system calls: soon after a start, when much changes, it is taken often, later seldom. */
const SOONEST_MS = 1000;
const LATEST_MS = 30_000;

/** `members`: the pids of the run that is up. `examines`: a probe may stop it, which is then to be explained. */
export function createRunWatch(members: () => number[], examines: boolean): RunWatch {
  // A child begins in the group of its parent, which is ours.
  const own = memoryCgroupOf('self');
  let notes: RunNotes | null = null;
  let lookedAtMs = 0;
  let reader: AutopsyReader | null = null;
  let loading = false;
  // Two, so that the older one is half a minute old or more.
  let samples: CpuSample[] = [];

  function sample(run: RunNotes): void {
    if (!examines) return;
    if (!loading) {
      loading = true;
      // Read off before the first probe can have failed twice, and kept: there is no time to load it when it is needed.
      import('../../host/autopsy.ts').then(
        loaded => {
          reader = loaded;
        },
        () => {
          // Without it there is no autopsy, and nothing else is missing.
        },
      );
    }
    if (reader !== null) samples = [...samples.slice(-1), reader.sampleCpu(run.pid)];
  }

  function look(run: RunNotes): void {
    run.files = openFiles(run.pid) ?? run.files;
    lookAtCgroup(run);
    sample(run);
  }

  // Some starters put themselves into a group of their own first thing.
  function lookAtCgroup(run: RunNotes): void {
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
        notes = { pid: fact.pid, startedAtMs: nowMs, cgroup: own, oomKillsBefore, files: null, autopsy: null };
        lookedAtMs = nowMs;
        samples = [];
      } else if (fact.type === 'probes-reported' && notes !== null && isDue(notes, nowMs)) {
        lookedAtMs = nowMs;
        look(notes);
      }
    },
    examine() {
      if (notes === null || reader === null) return;
      notes.autopsy = reader.readAutopsy(members(), samples[0] ?? null);
    },
    get notes() {
      return notes;
    },
  };
}
