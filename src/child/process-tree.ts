import type { RunId, Signal } from '../core/model.ts';
import { isInOwnCgroup } from '../host/cgroup.ts';
import { titleOf } from '../host/process-facts.ts';
import { maySignal, signalGroup, signalProcess } from '../host/process-signals.ts';
import { bears, newestPid, type ProcessRow, readProcess, readTable, usersOf } from '../host/process-table.ts';
import { carriesRunMark } from '../host/run-mark.ts';

/** The environment variable that marks every process of a run, with the run's id as its value. */
export const RUN_ID_VARIABLE = 'AGENT_WATCH_RUN_ID';

/** A run's processes: where they began, and those already seen. */
export interface Tree {
  runId: RunId;
  /** The child's pid; null if it never became known. */
  pid: number | null;
  /** The child's start time; null if unknown: then only bearers of the id are believed. */
  startTicks: number | null;
  /** Pids seen as members, with their start times. Who was one stays one, though its parent dies or its environment is cleared. */
  known: Map<number, number>;
  /** Which signals went to whom, so that none goes there twice. */
  signalled: Set<string>;
}

/** How much the moment of looking proves. */
export interface Look {
  /** The child is alive or was reaped just now: its pid cannot have come to mean another group yet. */
  groupIsOurs: boolean;
  /** How long ago the child was started, in ms; null if unknown. Short, it spares reading all older processes. */
  ageMs: number | null;
}

/** A run's tree, of a child just spawned or as a dead watcher's state tells it. */
export function newTree(runId: RunId, pid: number | null, startTicks: number | null): Tree {
  const known = new Map<number, number>();
  if (pid !== null && startTicks !== null) known.set(pid, startTicks);
  return { runId, pid, startTicks, known, signalled: new Set() };
}

/** Learns the start time of a child that could not be looked at when it was started. */
export function adopt(tree: Tree, startTicks: number | null): void {
  if (tree.pid === null || startTicks === null) return;
  tree.startTicks = startTicks;
  tree.known.set(tree.pid, startTicks);
}

/** The live processes of a run: its child's group and session, all descendants, and those that bear the run's id wherever they went. */
export function membersOf(tree: Tree, look: Look): ProcessRow[] {
  const isKnown = (row: ProcessRow) => tree.known.get(row.pid) === row.startTicks;
  const inGroup = (row: ProcessRow) => row.group === tree.pid || row.session === tree.pid;
  const members = new Map<number, ProcessRow>();
  // At the moment it is met, and not after all others: it may be about to fork and die.
  const rows = readYoung(tree, look.ageMs, row => {
    if (isKnown(row) || (!row.dead && !inGroup(row) && isBearer(tree, row.pid))) members.set(row.pid, row);
    return !row.dead && (inGroup(row) || members.has(row.pid));
  });
  // A pid stays taken as long as a group or session of that number has a member, so a known member in it proves it ours; a
  // process of that pid with another start time proves the opposite.
  const reused = rows.some(row => row.pid === tree.pid && row.startTicks !== tree.startTicks);
  const proven = look.groupIsOurs || rows.some(row => inGroup(row) && (isKnown(row) || isBearer(tree, row.pid)));
  if (proven && !reused) for (const row of rows) if (inGroup(row)) members.set(row.pid, row);
  addDescendants(members, rows);
  for (const row of members.values()) tree.known.set(row.pid, row.startTicks);
  return [...members.values()].filter(row => !row.dead);
}

// At the smallest pid space, 32768, using up a whole cycle in this time would take 130,000 forks a second.
const CYCLE_FLOOR_MS = 250;
/** So often what was born during the last look is looked at, while nothing alive was found. */
const MORE_LOOKS = 20;

// What is not older than the child. Pids are given out in order: in a crash loop usually none is newer than the child's, and
// nothing is read at all. A process may fork and die while we look, so what was born meanwhile is looked at again.
function readYoung(tree: Tree, ageMs: number | null, meet: (row: ProcessRow) => boolean): ProcessRow[] {
  let newest = newestPid();
  const short = ageMs !== null && ageMs < CYCLE_FLOOR_MS && tree.pid !== null && newest !== null;
  const rows = new Map<number, ProcessRow>();
  let found = false;
  const read = (first: number | null, last: number | null) => {
    readTable(first !== null && last !== null ? { first, last } : null, row => {
      if (row.pid <= 1 || row.pid === process.pid || row.startTicks < (tree.startTicks ?? 0)) return;
      rows.set(row.pid, row);
      if (meet(row)) found = true;
    });
  };
  read(short ? tree.pid : null, newest);
  for (let again = 0; again < MORE_LOOKS && newest !== null && !found; again++) {
    const now = newestPid();
    if (now === null || now === newest) break;
    read(newest + 1, now);
    newest = now;
  }
  return [...rows.values()];
}

function addDescendants(members: Map<number, ProcessRow>, rows: ProcessRow[]): void {
  for (let grew = members.size > 0; grew; ) {
    grew = false;
    for (const row of rows) {
      if (members.has(row.pid) || !members.has(row.parent)) continue;
      members.set(row.pid, row);
      grew = true;
    }
  }
}

// The mark stays on a process that empties its environment or changes its user; one that we may not signal is not believed. The id in
// the environment, which anybody can set, does not make another user's process ours, not even for root: it is proof only together
// with descent, or with a control group that is ours alone.
function isBearer(tree: Tree, pid: number): boolean {
  if (carriesRunMark(pid, tree.runId)) return maySignal(pid);
  if (!bears(pid, `${RUN_ID_VARIABLE}=${tree.runId}`)) return false;
  const us = process.geteuid?.();
  const users = usersOf(pid);
  if (us === undefined || (users !== null && users.real === us && users.effective === us)) return true;
  return us === 0 && isInOwnCgroup(pid);
}

/**
 * Sends a signal to the members of a run that have not had it yet: to each once, those in the child's group by one kill of the
 * group. SIGKILL is sent each time. Returns those it reached.
 */
export function signalMembers(tree: Tree, members: ProcessRow[], signal: Signal): ProcessRow[] {
  const due = members.filter(row => signal === 'SIGKILL' || !hasHad(tree, row, signal));
  const inGroup = members.filter(row => row.group === tree.pid);
  const reached: ProcessRow[] = [];
  // One of the group that has had the signal would get it again: then only those that have not, singly.
  const whole = inGroup.length > 0 && inGroup.every(row => due.includes(row)) && tree.pid !== null;
  if (whole && tree.pid !== null && signalGroup(tree.pid, signal) === 'sent') reached.push(...inGroup);
  for (const row of due) {
    if (reached.includes(row)) continue;
    if (signalProcess(row.pid, row.startTicks, signal) === 'sent') reached.push(row);
  }
  for (const row of reached) {
    note(tree, row, signal);
    // A stopped process would sleep through the signal until its grace is over.
    if (row.halted && signal !== 'SIGKILL' && !keepsHalted.has(signal))
      signalProcess(row.pid, row.startTicks, 'SIGCONT');
  }
  return reached;
}

const keepsHalted = new Set<Signal>(['SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']);

// A process may give itself any name.
function namedProcess({ pid }: ProcessRow): string {
  const name = (titleOf(pid) ?? '').replace(/[^\x21-\x7e]/g, '?');
  return name === '' ? `pid ${pid}` : `${name} (pid ${pid})`;
}

/** Whether that very process still lives. */
function isAlive(row: ProcessRow): boolean {
  const now = readProcess(row.pid);
  return now !== null && now.startTicks === row.startTicks && !now.dead;
}

function hasHad(tree: Tree, row: ProcessRow, signal: Signal): boolean {
  return tree.signalled.has(key(row, signal));
}

function note(tree: Tree, row: ProcessRow, signal: Signal): void {
  tree.signalled.add(key(row, signal));
}

const key = (row: ProcessRow, signal: Signal) => `${row.pid} ${row.startTicks} ${signal}`;

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
  /** Nothing is left; so many processes were signalled for it, the first of them by name and pid. */
  done(names: readonly string[], ended: number): void;
  /** These cannot be ended: not even SIGKILL did it within 5 s, or the kernel forbids it. The rest is done. */
  stuck(pids: number[]): void;
  /** Who is there cannot be seen at this moment. */
  unseen(error: unknown): void;
}

/** A clearing under way. */
export interface Cleanup {
  /** Passes a signal on to what is left; SIGKILL ends the grace. */
  signal(signal: Signal): void;
}

/** Of what is left, so many are named. */
const NAMED_AT_MOST = 3;
const DRAIN_QUIET_MS = 200;
const DRAIN_LIMIT_MS = 1000;
const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;
const KILL_LOOK_LIMIT_MS = 1000;
const STUCK_AFTER_MS = 5000;
const UNSEEN_LOOK_MS = 500;

/** Ends what is left of a run: last words, the signal, the grace, SIGKILL. Looks again until nothing is found any more. */
export function clearRun(order: ClearOrder, world: ClearWorld): Cleanup {
  const { tree } = order;
  const signalled = new Set<string>();
  const names: string[] = [];
  let members = order.members;
  let stage: 'drain' | 'ask' | 'kill' = order.drain ? 'drain' : 'ask';
  let since = world.now();
  let waitMs = FIRST_LOOK_MS;
  let timer: NodeJS.Timeout | null = null;

  function send(signal: Signal): void {
    // Asked for before the signal, which may leave nobody to ask.
    if (signalled.size === 0) names.push(...members.slice(0, NAMED_AT_MOST).map(namedProcess));
    for (const row of signalMembers(tree, members, signal)) signalled.add(`${row.pid} ${row.startTicks}`);
  }

  function enter(next: 'ask' | 'kill'): void {
    stage = next;
    since = world.now();
    waitMs = FIRST_LOOK_MS;
    if (next === 'kill') send('SIGKILL');
    else if (order.signal !== null) send(order.signal);
  }

  /** A look that cannot be made (no descriptors left) says nothing of who is there: it is made again. */
  function guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      world.unseen(error);
      timer = setTimeout(() => guarded(look), UNSEEN_LOOK_MS);
    }
  }

  function look(): void {
    timer = null;
    // Those known are cheap to ask for; all of /proc is read only when the last of them has gone.
    members = members.filter(isAlive);
    if (members.length === 0) members = membersOf(tree, { groupIsOurs: false, ageMs: null });
    if (members.length === 0) return world.done(names, signalled.size);
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
    timer = setTimeout(() => guarded(look), waitMs);
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
    world.done(names, signalled.size);
    return false;
  }

  guarded(() => {
    if (stage === 'ask') enter('ask');
    step();
  });

  const pass = (signal: Signal) => {
    members = membersOf(tree, { groupIsOurs: false, ageMs: null });
    if (signal !== 'SIGKILL') return send(signal);
    if (timer !== null) clearTimeout(timer);
    enter('kill');
    timer = setTimeout(() => guarded(look), FIRST_LOOK_MS);
  };
  return { signal: signal => guarded(() => pass(signal)) };
}
