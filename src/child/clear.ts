import type { Signal } from '../core/model.ts';
import type { ProcessRow } from '../host/process-table.ts';
import { isAlive, signalMembers } from './signal-tree.ts';
import { membersOf, type Tree } from './tree.ts';

/** How to end what an ended run left. */
export interface ClearOrder {
  tree: Tree;
  /** What was found of it just now. */
  members: ProcessRow[];
  /** null: the tree has had its signal already. */
  signal: Signal | null;
  graceMs: number;
  /** First lets the last words of what is left come out. */
  drain: boolean;
}

/** What clearing needs of its surroundings. */
export interface ClearWorld {
  /** Monotonic milliseconds. */
  now(): number;
  /** When output last came; null: never. */
  lastOutputAt(): number | null;
  /** Nothing is left; `ended` processes were signalled for it. */
  done(ended: number): void;
  /** These cannot be ended: not even SIGKILL did it within 5 s, or the kernel forbids it. The rest is done. */
  stuck(pids: number[]): void;
}

/** A clearing under way. */
export interface Clearing {
  /** Passes a signal on to what is left; SIGKILL ends the grace. */
  signal(signal: Signal): void;
}

const DRAIN_QUIET_MS = 200;
const DRAIN_LIMIT_MS = 1000;
const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;
const KILL_LOOK_LIMIT_MS = 1000;
const STUCK_AFTER_MS = 5000;

/** Ends what is left of a run: last words, the signal, the grace, SIGKILL. Looks again until nothing is found any more. */
export function clearRun(order: ClearOrder, world: ClearWorld): Clearing {
  const { tree } = order;
  const signalled = new Set<string>();
  let members = order.members;
  let stage: 'drain' | 'ask' | 'kill' = order.drain ? 'drain' : 'ask';
  let since = world.now();
  let waitMs = FIRST_LOOK_MS;
  let timer: NodeJS.Timeout | null = null;

  function send(signal: Signal): void {
    for (const row of signalMembers(tree, members, signal)) signalled.add(`${row.pid} ${row.startTicks}`);
  }

  function enter(next: 'ask' | 'kill'): void {
    stage = next;
    since = world.now();
    waitMs = FIRST_LOOK_MS;
    if (next === 'kill') send('SIGKILL');
    else if (order.signal !== null) send(order.signal);
  }

  function look(): void {
    timer = null;
    // Those known are cheap to ask for; all of /proc is read only when the last of them has gone.
    members = members.filter(isAlive);
    if (members.length === 0) members = membersOf(tree, { groupIsOurs: false, ageMs: null });
    if (members.length === 0) return world.done(signalled.size);
    step();
  }

  function step(): void {
    const passedMs = world.now() - since;
    if (stage === 'drain' && drained(passedMs)) enter('ask');
    else if (stage === 'ask' && passedMs >= order.graceMs) {
      members = membersOf(tree, { groupIsOurs: false, ageMs: null });
      enter('kill');
    } else if (stage === 'ask' && order.signal !== null) send(order.signal);
    else if (stage === 'kill' && !killAgain(passedMs)) return;
    waitMs = Math.min(waitMs * 2, stage === 'kill' ? KILL_LOOK_LIMIT_MS : LONGEST_LOOK_MS);
    timer = setTimeout(look, waitMs);
  }

  function drained(passedMs: number): boolean {
    const quietMs = world.now() - Math.max(since, world.lastOutputAt() ?? since);
    return quietMs >= DRAIN_QUIET_MS || passedMs >= DRAIN_LIMIT_MS;
  }

  // A process may have forked while we looked, so SIGKILL goes to whatever is found each time. The child itself is waited for
  // without end: two of it must never run.
  function killAgain(passedMs: number): boolean {
    members = membersOf(tree, { groupIsOurs: false, ageMs: null });
    send('SIGKILL');
    if (passedMs < STUCK_AFTER_MS || members.some(row => row.pid === tree.pid)) return true;
    world.stuck(members.map(row => row.pid));
    world.done(signalled.size);
    return false;
  }

  if (stage === 'ask') enter('ask');
  step();

  return {
    signal(signal) {
      members = membersOf(tree, { groupIsOurs: false, ageMs: null });
      if (signal !== 'SIGKILL') return send(signal);
      if (timer !== null) clearTimeout(timer);
      enter('kill');
      timer = setTimeout(look, FIRST_LOOK_MS);
    },
  };
}
