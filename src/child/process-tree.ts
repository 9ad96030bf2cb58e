import type { RunId, Signal } from '../core/model.ts';
import { carriesRunMark } from '../host/own-process.ts';
import { titleOf } from '../host/process-facts.ts';
import { maySignal, signalGroup, signalProcess } from '../host/process-signals.ts';
import { bears, newestPid, type ProcessRow, readProcess, readTable, usersOf } from '../host/process-table.ts';
import { isInOwnCgroup } from '../host/resource-limits.ts';

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
 * group unless `singly`. SIGKILL is sent each time. Returns those it reached.
 */
export function signalMembers(tree: Tree, members: ProcessRow[], signal: Signal, singly = false): ProcessRow[] {
  const due = members.filter(row => signal === 'SIGKILL' || !hasHad(tree, row, signal));
  const inGroup = members.filter(row => row.group === tree.pid);
  const reached: ProcessRow[] = [];
  // One of the group that has had the signal would get it again: then only those that have not, singly.
  const whole = !singly && inGroup.length > 0 && inGroup.every(row => due.includes(row)) && tree.pid !== null;
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
export function namedProcess({ pid }: ProcessRow): string {
  const name = (titleOf(pid) ?? '').replace(/[^\x21-\x7e]/g, '?');
  return name === '' ? `pid ${pid}` : `${name} (pid ${pid})`;
}

/** Whether that very process still lives. */
export function isAlive(row: ProcessRow): boolean {
  const now = readProcess(row.pid);
  return now !== null && now.startTicks === row.startTicks && !now.dead;
}

/** The main process of the run, if that very process still lives. */
export function mainOf(tree: Tree): ProcessRow | null {
  const row = tree.pid === null ? null : readProcess(tree.pid);
  return row !== null && row.startTicks === tree.startTicks && !row.dead ? row : null;
}

function hasHad(tree: Tree, row: ProcessRow, signal: Signal): boolean {
  return tree.signalled.has(key(row, signal));
}

function note(tree: Tree, row: ProcessRow, signal: Signal): void {
  tree.signalled.add(key(row, signal));
}

const key = (row: ProcessRow, signal: Signal) => `${row.pid} ${row.startTicks} ${signal}`;
