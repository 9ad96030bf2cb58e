import type { Signal } from '../core/model.ts';
import { signalGroup, signalProcess } from '../host/process-signals.ts';
import { type ProcessRow, readProcess } from '../host/process-table.ts';
import type { Tree } from './tree.ts';

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

/** Whether that very process still lives. */
export function isAlive(row: ProcessRow): boolean {
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
