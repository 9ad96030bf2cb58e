import type { RunId } from '../core/model.ts';
import { type ProcessRow, readProcess } from '../host/process-table.ts';
import type { Cleanup, createSurvivorWatch } from './cleanup.ts';
import { newTree, type Tree } from './process-tree.ts';
import type { Launched } from './spawn.ts';

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
  clearing: Cleanup | null;
  /** Sees which of those that were signalled do not end. */
  notice: ReturnType<typeof createSurvivorWatch>;
}

/** A run just spawned. Its start time and group are read back from the system: no group is ever signalled on a guess. */
export function newRun(runId: RunId, child: Launched, spawnedAt: number): Omit<Run, 'notice'> {
  const tree = newTree(runId, child.pid, startTicksOf(child.pid));
  return { tree, child, spawnedAt, exited: false, left: null, clearing: null };
}

/** Null where it cannot be read: a run that is up is one nevertheless. */
export function startTicksOf(pid: number): number | null {
  try {
    return readProcess(pid)?.startTicks ?? null;
  } catch {
    // No descriptors left: the next look at the tree reads it.
    return null;
  }
}

/** What a dead watcher's state tells of its run. The caller has made sure that the machine was not booted since. */
export function orphanRun(runId: RunId, pid: number | null, startTicks: number | null): Omit<Run, 'notice'> {
  return {
    tree: newTree(runId, pid, startTicks),
    child: null,
    spawnedAt: null,
    exited: true,
    left: null,
    clearing: null,
  };
}
