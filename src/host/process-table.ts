import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { linuxRow } from './linux-stat.ts';
import { psRow, psTable } from './ps-table.ts';

/** One process, as the kernel tells it. */
export interface ProcessRow {
  pid: number;
  parent: number;
  group: number;
  session: number;
  /** When it started: clock ticks since boot on Linux, seconds since 1970 where only `ps` tells. Tells a process from a later one of the same pid. */
  startTicks: number;
  /** Dead, and only waiting to be reaped by its parent: nothing can run in it any more. */
  dead: boolean;
  /** Stopped by a signal or a tracer: it acts on no signal but SIGKILL and SIGCONT. */
  halted: boolean;
}

const hasProc = process.platform === 'linux';
// One stat line is under 1 KiB: 52 numbers and a name of at most 15 bytes (64 for kernel threads).
const statBuffer = Buffer.allocUnsafe(2048);

/** One process, or null where it is gone or cannot be read. */
export function readProcess(pid: number): ProcessRow | null {
  if (!hasProc) return psRow(pid);
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
  } catch {
    // ENOENT: gone. Anything else (hidepid): not to be seen by us, so not ours.
    return null;
  }
  try {
    return linuxRow(statBuffer.toString('latin1', 0, readSync(fd, statBuffer, 0, statBuffer.length, 0)));
  } catch {
    // ESRCH: it died between open and read.
    return null;
  } finally {
    closeSync(fd);
  }
}

/** A range of pids in the order in which they are given out: upwards, and from the top back to the bottom. */
export interface PidRange {
  first: number;
  last: number;
}

// Up to this many pids, asking for each is cheaper than listing /proc.
const FEW_PIDS = 64;

/** Every process that can be seen, or on Linux only those with a pid of this range. `meet` is told of each as soon as it is read. */
export function readTable(range: PidRange | null, meet: (row: ProcessRow) => void = () => {}): ProcessRow[] {
  if (!hasProc) {
    const rows = psTable();
    for (const row of rows) meet(row);
    return rows;
  }
  const rows: ProcessRow[] = [];
  for (const pid of pidsIn(range)) {
    const row = readProcess(pid);
    if (row === null) continue;
    rows.push(row);
    meet(row);
  }
  return rows;
}

function pidsIn(range: PidRange | null): number[] {
  if (range !== null && range.first <= range.last && range.last - range.first < FEW_PIDS)
    return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index);
  const pids: number[] = [];
  for (const name of readdirSync('/proc')) {
    const digit = name.charCodeAt(0);
    if (digit < 48 || digit > 57) continue;
    const pid = Number(name);
    if (range === null || isInRange(pid, range)) pids.push(pid);
  }
  return pids;
}

function isInRange(pid: number, { first, last }: PidRange): boolean {
  return first <= last ? pid >= first && pid <= last : pid >= first || pid <= last;
}

/**
 * The newest pid given out in our pid namespace, or null where the kernel does not tell. Threads take pids too. Not from
 * /proc/loadavg, which container runtimes are known to replace.
 */
export function newestPid(): number | null {
  if (!hasProc) return null;
  try {
    const pid = Number(readFileSync('/proc/sys/kernel/ns_last_pid', 'latin1'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // A kernel without checkpoint/restore lacks the file.
    return null;
  }
}

/** Whether the environment a process was started with holds exactly this `NAME=value`. False where it may not be read. */
export function bears(pid: number, entry: string): boolean {
  if (!hasProc) return false;
  let environment: Buffer;
  try {
    environment = readFileSync(`/proc/${pid}/environ`);
  } catch {
    // EACCES: another user's. ESRCH, ENOENT: gone.
    return false;
  }
  const wanted = Buffer.from(`${entry}\0`);
  for (let at = environment.indexOf(wanted); at !== -1; at = environment.indexOf(wanted, at + 1)) {
    if (at === 0 || environment[at - 1] === 0) return true;
  }
  return false;
}

/** The real and the effective user of a process, or null where it is gone. */
export function usersOf(pid: number): { real: number; effective: number } | null {
  if (!hasProc) return null;
  try {
    const match = /^Uid:\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match === null ? null : { real: Number(match[1]), effective: Number(match[2]) };
  } catch {
    // Gone meanwhile.
    return null;
  }
}
