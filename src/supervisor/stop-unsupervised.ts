import { type CleanupOrder, cleanUp } from '../child/cleanup.ts';
import { membersOf, newTree } from '../child/process-tree.ts';
import { FRESH_STATE } from '../core/decide.ts';
import type { Leftover } from '../core/events.ts';
import type { State, Survivor } from '../core/model.ts';
import { stopUnsupervised as stopOf } from '../core/resume.ts';
import { emptySnapshot, encoded, readSnapshot, type Snapshot } from '../core/snapshot.ts';
import { stampNow } from '../host/clock.ts';
import { writeHold } from '../state/hold-file.ts';
import { type Lock, underLock } from '../state/lock.ts';
import { loadState, openStateFile } from '../state/state-file.ts';
import type { StateFolder } from '../state/state-folder.ts';
import { leftoverOf, ownBoot } from './state-saver.ts';

/** What came of a stop without a watcher. */
export type UnsupervisedResult =
  /** Nothing is left. How many processes had to be ended for it, and the first of them by name and pid. */
  | { kind: 'stopped'; ended: number; names: readonly string[]; said: string[] }
  | { kind: 'left'; survivors: Survivor[] }
  /** A watcher has the lock after all. */
  | { kind: 'watched'; pid: number | null };

/** How a stop without a watcher is done. */
export interface UnsupervisedOrder {
  stateDir: string;
  name: string;
  /** SIGKILL without grace. */
  now: boolean;
}

/**
 * Ends what a dead watcher left of a name's run, and notes that it is stopped. Holds the name's lock meanwhile, so that no watcher starts.
 * Throws StateFolderRefused.
 */
export async function stopUnsupervised(order: UnsupervisedOrder): Promise<UnsupervisedResult> {
  return await underLock(order, (place, lock) => endLeftover(order, place, lock));
}

async function endLeftover(order: UnsupervisedOrder, place: StateFolder, lock: Lock): Promise<UnsupervisedResult> {
  const ofThisBoot = (saved: Snapshot) => saved.bootId === ownBoot();
  const { value, said } = loadState<Snapshot>(place, readSnapshot, ofThisBoot, new Date(), lock.privateFolders);
  const sameBoot = value === null || ofThisBoot(value);
  const { left, hold, state } = stopOf(
    value?.state ?? FRESH_STATE,
    { leftover: leftoverOf(lock), sameBoot },
    stampNow(),
  );
  // On disk first, as by a watcher: whatever comes of the rest, it stays held.
  if (hold !== null) writeHold(place, hold);
  const ended =
    left === null ? NOTHING : await endRun(order, left, value ?? emptySnapshot(order.name, ownBoot(), stampNow()));
  if ('survivors' in ended) return { kind: 'left', ...ended };
  lock.recordRun(null);
  if (value !== null && !wasStopped(value.state)) said.push(...(await save(place, lock, { ...value, state })));
  return { kind: 'stopped', ...ended, said };
}

/** Stopped by a person before: nothing is new. */
const wasStopped = ({ phase, leaving }: State): boolean =>
  phase.kind === 'finished' || phase.kind === 'held' || (phase.kind === 'stopped' && leaving?.byPerson === true);

async function save(place: StateFolder, lock: Lock, snapshot: Snapshot & { state: State }): Promise<string[]> {
  const file = openStateFile(place, lock);
  const saved = file.save(encoded({ ...snapshot, health: [] }));
  if (saved.ok) await file.settle();
  return saved.ok
    ? []
    : [`the state could not be saved (${saved.why}): status goes on to show what its dead watcher wrote`];
}

interface Ended {
  ended: number;
  names: readonly string[];
}

const NOTHING: Ended = { ended: 0, names: [] };

function endRun(
  order: UnsupervisedOrder,
  left: Leftover,
  { stop }: Snapshot,
): Promise<Ended | { survivors: Survivor[] }> {
  const tree = newTree(left.runId, left.pid, left.startTicks);
  const members = membersOf(tree, { groupIsOurs: false, ageMs: null });
  if (members.length === 0) return Promise.resolve(NOTHING);
  return new Promise(resolve => {
    const how: CleanupOrder = {
      ...{ tree, members, signal: stop.stopSignal, to: stop.stopTo, drain: false },
      graceMs: order.now ? 0 : stop.stopTimeoutMs,
    };
    const world = {
      now: () => stampNow().mono,
      lastOutputAt: () => null,
      done: (names: readonly string[], ended: number) => resolve({ ended, names }),
      // It is looked again; whoever waits here sees only that it takes longer.
      unseen: () => {},
      stuck: (survivors: Survivor[]) => {
        // May come from inside the call.
        queueMicrotask(() => cleanup.giveUp());
        resolve({ survivors });
      },
    };
    const cleanup = cleanUp(how, world);
    if (order.now) cleanup.signal('SIGKILL');
  });
}
