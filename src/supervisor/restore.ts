import { FRESH_STATE } from '../core/decide.ts';
import type { Fact, Leftover } from '../core/events.ts';
import type { Hold, RunId, State } from '../core/model.ts';
import { readSnapshot, restore, type Snapshot } from '../core/snapshot.ts';
import { bootId, stampNow } from '../host/clock.ts';
import { readHold } from '../state/hold-file.ts';
import type { Lock } from '../state/lock.ts';
import { loadState } from '../state/state-file.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { WatchOrder } from './watch-order.ts';

/** Where the machine goes on, and the fact that it begins with. */
export interface Found {
  state: State;
  started: Fact;
}

/** What an earlier watcher left: its state on our clock, its hold, its run. */
export function restoreWatch(order: WatchOrder, place: StateFolder, lock: Lock): Found {
  const ofThisBoot = (saved: Snapshot) => saved.bootId === ownBoot();
  const { value, said } = loadState<Snapshot>(place, readSnapshot, ofThisBoot, new Date(), lock.privateFolders);
  for (const line of said) order.warn(line);
  const sameBoot = value === null || value.bootId === ownBoot();
  const hold: Hold | null = readHold(place);
  const newCommand = value === null || JSON.stringify(value.command) !== JSON.stringify(order.command);
  const state = value === null ? FRESH_STATE : restore(value, ownBoot(), stampNow());
  return {
    state,
    started: { type: 'watcher-started', hold, newCommand, sameBoot, leftover: leftoverOf(lock) },
  };
}

/** The lock's record of the last run, in the machine's words. */
export function leftoverOf({ leftover }: Lock): Leftover | null | 'unknown' {
  if (leftover === null || leftover === 'unknown') return leftover;
  return { runId: leftover.runId as RunId, pid: leftover.childPid, startTicks: leftover.startTicks };
}

/** Tells this boot of the machine from every other. */
export function ownBoot(): string {
  return bootId() ?? 'unknown';
}
