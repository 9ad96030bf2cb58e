import type { Autopsy } from '../../core/autopsy.ts';
import type { Fact, Note } from '../../core/events.ts';
import { type FormerRun, type RunAmendment, type RunRecord, sketchOf, type Unchecked } from '../../core/run-record.ts';
import { SEEN_RUNS, unusualOf } from '../../core/unusual.ts';
import type { CpuSample } from '../../host/autopsy.ts';
import { openFiles } from '../../host/process-facts.ts';
import { type MemoryCgroup, memoryCgroupOf, oomKills } from '../../host/resource-limits.ts';
import { statedIn } from '../../probes/budget-keeper.ts';
import { createRunJournal, readRunsQuickly } from '../../state/line-log.ts';
import type { StateFolder } from '../../state/state-folder.ts';

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

/** Reads what a run left, and appends the run to the journal. Loaded with the first end of a run. */
export interface RunWriter {
  /** @param tail the end of its output; null: there was no run that could write any */
  write(run: RunRecord, tail: Buffer | null): void;
  /** The same for a run of an earlier watcher, unless the journal has it. */
  writeMissed(run: RunRecord): void;
  amend(run: number, change: RunAmendment): void;
}

/** Of the journal's end so much is read once. */
const FORMER_BYTES = 96 * 1024;
/** Enough of the journal's end to hold the last run. */
const LAST_BYTES = 4096;
/** Of an output so much of its end is compared: the exit of a watcher waits for it. */
const SKETCHED_BYTES = 16 * 1024;
/** What tells one run from another of the same number. */
const SAME_MOMENT_MS = 1000;

/** @param tell told of an unusual run, before others end with the watcher; null: runs are not compared */
export function openRunWriter(place: StateFolder, tell: ((note: Note) => void) | null): RunWriter {
  const journal = createRunJournal(place.stateDir, place.name);
  let former: FormerRun[] | null = null;

  function compare(run: RunRecord): void {
    former ??= readRunsQuickly(place.path, FORMER_BYTES);
    const reasons = unusualOf(run, former);
    former.push(run);
    if (former.length > SEEN_RUNS) former.shift();
    if (reasons.length > 0) tell?.({ kind: 'unusual', run: run.run, reasons });
  }

  return {
    write(run, tail) {
      const read = tail === null ? {} : { sketch: sketchOf(tail.subarray(-SKETCHED_BYTES)) };
      const metrics = tail === null ? run.metrics : { ...metricsIn(tail), ...run.metrics };
      const whole = { ...run, ...read, metrics };
      // Before it is in the journal, from which the former ones are read.
      if (tell !== null) compare(whole);
      journal.add(whole);
    },
    writeMissed(run) {
      if (!readRunsQuickly(place.path, LAST_BYTES).some(one => isSame(one, run))) journal.add(run);
    },
    amend(run, change) {
      journal.amend(run, change);
    },
  };
}

function isSame(one: Unchecked<RunRecord>, other: RunRecord): boolean {
  if (one.run !== other.run) return false;
  const isNear = (a: unknown, b: string | null) =>
    b !== null && Math.abs(Date.parse(String(a)) - Date.parse(b)) <= SAME_MOMENT_MS;
  if (other.cause === 'orphan') return one.cause === 'orphan' || isNear(one.startedAt, other.startedAt);
  return isNear(one.endedAt, other.endedAt) || isNear(one.startedAt, other.startedAt);
}

/** What agents print of themselves in the end. */
const SAID = ['cost', 'tokens'] as const;
const MAY_SAY = /cost|token/i;
const MOST_LINES = 200;
const LINE_CHARS = 16 * 1024;

/** The last cost and the last number of tokens that the output states. */
function metricsIn(tail: Buffer): Record<string, number> {
  const metrics: Record<string, number> = {};
  if (!MAY_SAY.test(tail.toString('latin1'))) return metrics;
  const lines = tail.toString('utf8').trimEnd().split('\n').slice(-MOST_LINES).reverse();
  for (const line of lines) {
    if (!MAY_SAY.test(line) || line.length > LINE_CHARS) continue;
    for (const name of SAID) {
      const stated = metrics[name] === undefined ? statedIn(line, name, null) : null;
      if (stated !== null) metrics[name] = stated.value;
    }
    if (SAID.every(name => metrics[name] !== undefined)) break;
  }
  return metrics;
}
