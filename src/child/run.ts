import type { RunId } from '../core/model.ts';
import { type ProcessRow, readProcess } from '../host/process-table.ts';
import type { Clearing } from './clear.ts';
import type { Launched } from './spawn.ts';
import { newTree, type Tree } from './tree.ts';

/** One life of the child, from its spawn until nothing of it is left. */
export interface Run {
  tree: Tree;
  /** null: a dead watcher's. */
  child: Launched | null;
  /** Monotonic ms; null: a dead watcher's. */
  spawnedAt: number | null;
  exited: boolean;
  /** What was found left at the moment of its end; null once that moment is over. */
  left: ProcessRow[] | null;
  clearing: Clearing | null;
}

/** A run just spawned. Its start time and group are read back from the system: no group is ever signalled on a guess. */
export function newRun(runId: RunId, child: Launched, spawnedAt: number): Run {
  const row = readProcess(child.pid);
  const tree = newTree(runId, child.pid, row?.startTicks ?? null);
  return { tree, child, spawnedAt, exited: false, left: null, clearing: null };
}

/** What a dead watcher's state tells of its run. The caller has made sure that the machine was not booted since. */
export function orphanRun(runId: RunId, pid: number | null, startTicks: number | null): Run {
  return {
    tree: newTree(runId, pid, startTicks),
    child: null,
    spawnedAt: null,
    exited: true,
    left: null,
    clearing: null,
  };
}
