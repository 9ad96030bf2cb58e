import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { hasProc, refuseShortage } from './read-file.ts';

/** Field 38, the signal to its parent at its end: threads other than the first have none. */
const OF_A_THREAD = '-1';

/**
 * A line of /proc/PID/stat as proc(5) describes it, or null if it is none, or a thread's: /proc lists no threads, but gives each under
 * its own number to whoever asks for that, with the memory of the whole process. The name in parentheses may itself hold spaces and
 * parentheses, so the fields are counted from the last closing one.
 */
export function linuxRow(line: string): ProcessRow | null {
  const pid = Number.parseInt(line, 10);
  const end = line.lastIndexOf(')');
  if (!(pid > 0) || end === -1) return null;
  const fields = line.slice(end + 2).split(' ', 36);
  const state = fields[0];
  const startTicks = Number(fields[19]);
  if (state === undefined || fields.length < 20 || Number.isNaN(startTicks)) return null;
  if (fields[35] === OF_A_THREAD) return null;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks,
    // A first thread that ended alone shows as a zombie though the others run on: field 20 counts them.
    dead: state === 'X' || (state === 'Z' && Number(fields[17]) <= 1),
    halted: state === 'T' || state === 't',
  };
}

const columns = 'pid=,ppid=,pgid=,sess=,stat=,lstart=';

/**
 * Every process by `ps`, for systems without /proc. Empty where ps is missing: then nothing but the child is known. Throws where a ps
 * that has answered before cannot be asked, as where no more processes can be started.
 */
function psTable(): ProcessRow[] {
  return run(['-A', '-o', columns]);
}

/** One process by `ps`, or null if it is gone. */
function psRow(pid: number): ProcessRow | null {
  return run(['-p', String(pid), '-o', columns])[0] ?? null;
}

// Blocking, because the table must be the one of this moment; ps takes some 10 ms, and only while a tree is being ended.
// node:child_process is loaded here: it costs milliseconds, which every command on Linux would pay for nothing.
function run(args: string[]): ProcessRow[] {
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { stdout, status, error } = spawnSync('ps', args, {
    encoding: 'latin1',
    timeout: PS_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  const rows = (stdout ?? '').split('\n').flatMap(line => parsePsLine(line) ?? []);
  // Without rows, 0 or 1 says that there is no such process. A ps that has never answered is not there, or does not work here.
  const failed = error !== undefined || (status !== 0 && status !== 1);
  if (failed && psAnswered) throw error ?? new Error(`ps ended with ${status ?? 'a signal'}`);
  psAnswered ||= rows.length > 0;
  return rows;
}

let psAnswered = false;
const PS_MS = 2000;

/**
 * One line of `ps -o pid=,ppid=,pgid=,sess=,stat=,lstart=`, or null. The session is an address on macOS, of no use as a number:
 * there 0 stands for unknown.
 */
export function parsePsLine(line: string): ProcessRow | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S.*\S)\s*$/.exec(line);
  if (match === null) return null;
  const [pid, parent, group] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const startTicks = Date.parse(match[6] ?? '') / 1000;
  if (Number.isNaN(startTicks)) return null;
  const session = /^[1-9]\d*$/.test(match[4] ?? '') && process.platform !== 'darwin' ? Number(match[4]) : 0;
  const state = match[5] ?? '';
  return { pid, parent, group, session, startTicks, dead: state.startsWith('Z'), halted: state.startsWith('T') };
}

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

// One stat line is under 1 KiB: 52 numbers and a name of at most 15 bytes (64 for kernel threads).
const statBuffer = Buffer.allocUnsafe(2048);

/** One process, or null where it is gone or cannot be read. Throws the system's error where a shortage hides whether it is there. */
export function readProcess(pid: number): ProcessRow | null {
  if (!hasProc) return psRow(pid);
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
  } catch (error) {
    refuseShortage(error);
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
  } catch (error) {
    refuseShortage(error);
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
