import type { ClearOrder as MachineOrder, Signal, Survivor } from '../core/model.ts';
import { REST_GRACE_MS } from '../core/requests.ts';
import { isForbidden, survivorOf } from '../host/process-signals.ts';
import type { ProcessRow } from '../host/process-table.ts';
import { isAlive, mainOf, membersOf, namedProcess, signalMembers, type Tree } from './process-tree.ts';

/** How to end what an ended run left. */
export interface CleanupOrder extends Omit<MachineOrder, 'clearing'> {
  tree: Tree;
  /** What was found of it just now. */
  members: ProcessRow[];
}

/** What a cleanup needs of its surroundings. */
export interface CleanupWorld {
  /** Monotonic milliseconds. */
  now(): number;
  /** When output last came; null: never. */
  lastOutputAt(): number | null;
  /** Nothing is left. How many processes were signalled for it, and the first of them by name and pid. */
  done(names: readonly string[], ended: number): void;
  /** These do not end. They are looked at until they have. */
  stuck(survivors: Survivor[]): void;
  /** Who is there cannot be seen at this moment. */
  unseen(error: unknown): void;
}

/** A cleanup under way. */
export interface Cleanup {
  /** Passes a signal on to what is left; SIGKILL ends the grace. */
  signal(signal: Signal): void;
  /** Looks no further. */
  giveUp(): void;
}

/** How many of the processes that are left are named. */
const NAMED_AT_MOST = 3;
const DRAIN_QUIET_MS = 200;
const DRAIN_LIMIT_MS = 1000;
const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;
const KILL_LOOK_LIMIT_MS = 1000;
const UNSEEN_LOOK_MS = 500;
/** A process that still lives this long after its SIGKILL does not react to it. */
const STUCK_AFTER_MS = 2000;

/** Sees which of the processes that were signalled do not end, and tells of each set of them once. */
export function createSurvivorWatch(
  tree: Tree,
  now: () => number,
  tell: (survivors: Survivor[]) => void,
): (signal: Signal, members: readonly ProcessRow[]) => void {
  let killedAt: number | null = null;
  let told = '';
  return (signal, members) => {
    if (signal === 'SIGKILL') killedAt ??= now();
    const isLate = killedAt !== null && now() - killedAt >= STUCK_AFTER_MS;
    // A main process that we may not signal will not end by us, however long its grace; of others it is their parent who decides.
    const stuck = members.filter(row =>
      isLate ? isAlive(row) : row.pid === tree.pid && isForbidden(row.pid) && isAlive(row),
    );
    const set = stuck.map(({ pid }) => pid).join();
    if (stuck.length === 0 || set === told) return;
    told = set;
    tell(stuck.map(({ pid }) => survivorOf(pid)));
  };
}

/** Ends what is left of a run: last words, the signal, the grace, SIGKILL. Looks again until nothing is found any more. */
export function cleanUp(order: CleanupOrder, world: CleanupWorld): Cleanup {
  const { tree } = order;
  const signalled = new Set<string>();
  const names: string[] = [];
  const notice = createSurvivorWatch(tree, world.now, world.stuck);
  let members = order.members;
  let stage: 'drain' | 'main' | 'all' | 'kill' = 'drain';
  let since = world.now();
  let askedAllAt = since;
  let mainFirst = false;
  let waitMs = FIRST_LOOK_MS;
  let timer: NodeJS.Timeout | null = null;
  let over = false;

  function send(signal: Signal, to: ProcessRow[] = members): void {
    // Read before the signal, after which there may be no process to look at.
    if (signalled.size === 0) names.push(...members.slice(0, NAMED_AT_MOST).map(namedProcess));
    for (const row of signalMembers(tree, to, signal, to !== members)) signalled.add(`${row.pid} ${row.startTicks}`);
    notice(signal, to);
  }

  /** A look that cannot be made (no descriptors left) says nothing of who is there: it is made again. */
  function guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      world.unseen(error);
      if (timer !== null) clearTimeout(timer);
      if (!over) timer = setTimeout(() => guarded(look), UNSEEN_LOOK_MS);
    }
  }

  function enter(next: 'main' | 'all' | 'kill'): void {
    if (stage === 'drain') since = world.now();
    stage = next;
    waitMs = FIRST_LOOK_MS;
    if (next !== 'main') askedAllAt = world.now();
    step();
  }

  /** What is done in each stage, and to which the next one is. */
  function step(): void {
    const passedMs = world.now() - since;
    const main = order.to === 'main' && order.signal !== null && order.graceMs > 0 ? mainOf(tree) : null;
    if (stage === 'drain' && drained(passedMs)) return enter('main');
    if (stage === 'main') {
      if (main === null || passedMs >= order.graceMs / 2) return enter('all');
      mainFirst = true;
      if (order.signal !== null) send(order.signal, [main]);
    } else if (stage === 'all') {
      if (passedMs >= graceMs()) return enter('kill');
      if (order.signal !== null) send(order.signal);
      if (main !== null && passedMs >= order.graceMs) send('SIGKILL', [main]);
    } else if (stage === 'kill') {
      // A process may have forked while we looked, so SIGKILL goes to whatever is found each time.
      members = membersOf(tree, { groupIsOurs: false, ageMs: null });
      send('SIGKILL');
    }
    waitMs = Math.min(waitMs * 2, stage === 'kill' ? KILL_LOOK_LIMIT_MS : LONGEST_LOOK_MS);
    if (timer !== null) clearTimeout(timer);
    if (!over) timer = setTimeout(() => guarded(look), waitMs);
  }

  /** Beside a main process that was asked first, the rest gets its own least time. */
  function graceMs(): number {
    return mainFirst ? Math.max(order.graceMs, askedAllAt - since + REST_GRACE_MS) : order.graceMs;
  }

  function look(): void {
    timer = null;
    // Those known are cheap to ask for; all of /proc is read only when the last of them has gone.
    members = members.filter(isAlive);
    if (members.length === 0) members = membersOf(tree, { groupIsOurs: false, ageMs: null });
    if (members.length === 0) return world.done(names, signalled.size);
    step();
  }

  function drained(passedMs: number): boolean {
    const quietMs = world.now() - Math.max(since, world.lastOutputAt() ?? since);
    return quietMs >= DRAIN_QUIET_MS || passedMs >= DRAIN_LIMIT_MS;
  }

  guarded(() => (order.drain ? step() : enter('main')));

  return {
    signal: signal =>
      guarded(() => {
        members = membersOf(tree, { groupIsOurs: false, ageMs: null });
        if (signal === 'SIGKILL') enter('kill');
        else send(signal);
      }),
    giveUp() {
      over = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
