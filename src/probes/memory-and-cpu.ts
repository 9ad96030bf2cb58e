import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { durationText, type Mono, sizeText } from '../core/units.ts';
import { monoNow } from '../host/clock.ts';
import { bears, type ProcessRow, readTable } from '../host/process-table.ts';
import { childrenOf, cpuMsIn, hasProc, procText, statFields } from '../host/read-file.ts';
import { answer, type Probe, type SpecOf, type WatchedRun } from './probe.ts';

/** Resident memory of processes together, in bytes, by their `statm` lines. Pages that several of them share are counted for each. */
export function residentBytes(lines: ReadonlyMap<number, string>): number {
  if (!hasProc) return residentByPs([...lines.keys()]);
  let pages = 0;
  for (const line of lines.values()) pages += residentPages(line);
  return pages * pageBytes();
}

function residentPages(statm: string): number {
  return Number(statm.split(' ', 2)[1] ?? 0);
}

/**
 * The same with shared pages divided among their users (PSS), which takes the kernel a walk over all pages: only for when the sum
 * decides. Of a process that does not let us look, its resident memory.
 */
function proportionalBytes(lines: ReadonlyMap<number, string>): number {
  if (!hasProc) return residentByPs([...lines.keys()]);
  let bytes = 0;
  for (const [pid, line] of lines) {
    const pss = /^Pss:\s+(\d+) kB/m.exec(procText(`/proc/${pid}/smaps_rollup`) ?? '');
    bytes += pss === null ? residentPages(line) * pageBytes() : Number(pss[1]) * 1024;
  }
  return bytes;
}

const AT_PAGESZ = 6n;
let knownPageBytes: number | null = null;

// 4 KiB on x64, but 16 or 64 KiB on some arm64 kernels; Node does not tell, the auxiliary vector does.
function pageBytes(): number {
  knownPageBytes ??= readPageBytes();
  return knownPageBytes;
}

function readPageBytes(): number {
  try {
    const vector = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= vector.length; at += 16)
      if (vector.readBigUInt64LE(at) === AT_PAGESZ) return Number(vector.readBigUInt64LE(at + 8));
  } catch {
    // Not readable in some sandboxes; the usual size then.
  }
  return 4096;
}

function residentByPs(pids: readonly number[]): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', pids.join(',')], { encoding: 'latin1', timeout: 2000 });
  return (stdout ?? '').split('\n').reduce((sum, line) => sum + (Number(line.trim()) || 0) * 1024, 0);
}

/** Well while the memory of the run's whole tree is not above the limit. */
export function memoryProbe(spec: SpecOf<'memory'>, members: Members): Probe {
  const { maxBytes } = spec;
  return {
    ask() {
      const lines = members.look();
      if (lines.size === 0) return { kind: 'none', detail: 'no process to measure' };
      const resident = residentBytes(lines);
      const decides = maxBytes !== null && resident > maxBytes && lines.size > 1;
      // A forked worker shares most pages with its parent: their sum counts them twice.
      const bytes = decides ? proportionalBytes(lines) : resident;
      const all = lines.size === 1 ? '1 process' : `${lines.size} processes`;
      const detail = `${sizeText(bytes)} in ${all}${decides ? ' (shared pages counted once)' : ''}`;
      if (maxBytes === null || bytes <= maxBytes) return answer(true, detail, bytes);
      return answer(false, `${detail}, more than ${sizeText(maxBytes)}`, bytes);
    },
  };
}

/** A one-line file of /proc, kept open to be read again and again. */
export interface ProcLine {
  /** What it says now; null once its process is gone. */
  read(): string | null;
  close(): void;
}

const buffer = Buffer.allocUnsafe(4096);

/** Null if it cannot be opened: gone, not ours to read, or not on this system. */
function procLine(path: string): ProcLine | null {
  let fd: number | null;
  try {
    fd = openSync(path, 'r');
  } catch {
    // As said above.
    return null;
  }
  return {
    read() {
      if (fd === null) return null;
      try {
        const bytes = readSync(fd, buffer, 0, buffer.length, 0);
        return bytes === 0 ? null : buffer.toString('latin1', 0, bytes);
      } catch {
        // ESRCH: its process is gone.
        return null;
      }
    },
    close() {
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}

/** The same, opened for each reading: for many files. Another process may come to have the name meanwhile. */
function reopenedProcLine(path: string): ProcLine {
  return {
    read() {
      const line = procLine(path);
      const text = line?.read() ?? null;
      line?.close();
      return text;
    },
    close() {
      // Nothing is open.
    },
  };
}

/** Measures a run's processes again and again, at little cost. */
export interface Members {
  /** The `statm` line of each live process of the run, by pid; on systems without /proc the line is empty. */
  look(): ReadonlyMap<number, string>;
  close(): void;
}

/** Descriptors are few, and a tree may have any number of processes. */
const MOST_OPEN = 64;
/** So many new processes are looked at one by one. */
const FEW_PIDS = 16;
const WALK_EVERY_MS = 15_000;
/** Where nothing is judged by the memory, and only its history is kept. */
export const SELDOM_MS = 120_000;

/**
 * The child, its group and session, its descendants, and what bears the run's id. Pids are given out in order, so a look reads only
 * processes that are newer than the last look's; where many are, because others fork a lot, the members' own lists of children are
 * asked instead, and the others' only now and then. A walk of all of /proc every few seconds would be most of what an idle
 * watcher costs. A member's file stays open: reading it again is one system call, and it never speaks of another process that got
 * the same pid. Where the system does not tell its newest pid, all processes are read.
 */
export function openMembers(run: WatchedRun, walkEveryMs = WALK_EVERY_MS): Members {
  const entry = `AGENT_WATCH_RUN_ID=${run.runId}`;
  const newestPid = hasProc ? procLine('/proc/sys/kernel/ns_last_pid') : null;
  const members = new Map<number, ProcLine | null>();
  let lookedUpTo = run.pid;
  let walkedAt = Number.NEGATIVE_INFINITY;
  adoptOne(run.pid);

  function adoptOne(pid: number): void {
    const path = `/proc/${pid}/statm`;
    const line = !hasProc ? null : members.size < MOST_OPEN ? procLine(path) : reopenedProcLine(path);
    if (line !== null || !hasProc) members.set(pid, line);
  }

  function adopt(rows: readonly ProcessRow[]): void {
    let strangers = rows.filter(
      row => row.pid !== process.pid && !members.has(row.pid) && !row.dead && row.startTicks >= (run.startTicks ?? 0),
    );
    for (let grew = true; grew; ) {
      const found = strangers.filter(
        row => members.has(row.parent) || row.group === run.pid || row.session === run.pid || bears(row.pid, entry),
      );
      for (const row of found) adoptOne(row.pid);
      strangers = strangers.filter(row => !found.includes(row));
      grew = found.length > 0 && strangers.length > 0;
    }
  }

  function adoptChildren(): void {
    // A map that grows while it is walked is walked to its new end: so grandchildren are found too.
    for (const pid of members.keys()) for (const child of childrenOf(pid)) if (!members.has(child)) adoptOne(child);
  }

  function findNew(): void {
    const newest = Number(newestPid?.read() ?? Number.NaN);
    if (newest === lookedUpTo) return;
    const few = newest > lookedUpTo && newest - lookedUpTo <= FEW_PIDS;
    const now = monoNow();
    if (hasProc && !few && now - walkedAt < walkEveryMs) return adoptChildren();
    walkedAt = now;
    adopt(readTable(Number.isNaN(newest) ? null : { first: lookedUpTo + 1, last: newest }));
    if (!Number.isNaN(newest)) lookedUpTo = newest;
  }

  return {
    look() {
      findNew();
      const live = new Map<number, string>();
      for (const [pid, line] of members) {
        const text = line === null ? '' : line.read();
        if (text !== null && !text.startsWith('0 ')) live.set(pid, text);
        else {
          line?.close();
          members.delete(pid);
        }
      }
      return live;
    },
    close() {
      newestPid?.close();
      for (const line of members.values()) line?.close();
      members.clear();
    },
  };
}

/** Fails once the processor use of the run's whole tree was above the limit at each look for that long. */
export function cpuProbe({ maxPercent, forMs }: SpecOf<'cpu'>, members: Members, now: () => Mono): Probe {
  let before: { at: Mono; used: ReadonlyMap<number, number> } | null = null;
  let aboveSince: Mono | null = null;
  return {
    ask() {
      const at = now();
      const used = new Map<number, number>();
      for (const pid of members.look().keys()) {
        const fields = statFields(pid);
        if (fields !== null) used.set(pid, cpuMsIn(fields));
      }
      const last = before;
      before = { at, used };
      if (used.size === 0) return { kind: 'none', detail: 'no process to measure' };
      if (last === null || at <= last.at) return { kind: 'none', detail: 'measured for the first time' };
      let usedMs = 0;
      // A process that is new since the last look has used all its time since then.
      for (const [pid, ms] of used) usedMs += Math.max(0, ms - (last.used.get(pid) ?? 0));
      const percent = Math.round((usedMs / (at - last.at)) * 100);
      aboveSince = percent > maxPercent ? (aboveSince ?? last.at) : null;
      const aboveMs = aboveSince === null ? 0 : at - aboveSince;
      const detail = `${percent}% CPU`;
      if (aboveSince === null) return answer(true, detail, percent);
      const words = `${detail}, above ${maxPercent}% for ${durationText(aboveMs)}`;
      return answer(aboveMs < forMs, words, percent);
    },
  };
}
