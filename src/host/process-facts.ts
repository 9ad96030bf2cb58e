/** What /proc tells of a process beside its row in the table. Null or empty where it is gone, another user's, or there is no /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { childrenOf, procText, statFields, TICK_MS } from './read-file.ts';

/** Its arguments, the program first; empty for a kernel thread or a zombie. */
export function argumentsOf(pid: number): string[] {
  return fields(`/proc/${pid}/cmdline`);
}

/** The environment it was started with; null where that may not be read. */
export function environmentOf(pid: number): Record<string, string> | null {
  const lines = fields(`/proc/${pid}/environ`);
  if (lines.length === 0) return null;
  return Object.fromEntries(
    lines.map(line => {
      const equals = line.indexOf('=');
      return equals === -1 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

export function folderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // ENOENT: gone. EACCES: another user's.
    return null;
  }
}

/** Whether the file that it runs has been replaced or removed since it began; false where that cannot be seen. Source: proc(5). */
export function runsRemovedFile(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith(' (deleted)');
  } catch {
    // ENOENT: gone. EACCES: another user's.
    return false;
  }
}

/** Its name, cut to 15 bytes by the kernel; Node calls itself `node` or by the title that the program sets. */
export function titleOf(pid: number): string | null {
  return textOf(`/proc/${pid}/comm`)?.trimEnd() ?? null;
}

/** The systemd service in whose control group it is, as its name ends; null: in none. */
export function serviceOf(pid: number): string | null {
  const lines = (textOf(`/proc/${pid}/cgroup`) ?? '').split('\n');
  const path = lines.find(line => line.startsWith('0::')) ?? lines.find(line => line.includes(':name=systemd:')) ?? '';
  // Of a user's own systemd the service is `user@1000.service`; what lies below it counts.
  const services = path.split('/').filter(step => step.endsWith('.service') && !/^user@\d+\.service$/.test(step));
  return services.at(-1) ?? null;
}

function fields(path: string): string[] {
  const text = textOf(path);
  return text === null || text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** What a process may have at most, by its soft limits; null: no limit, or the system does not tell. Source: proc(5), limits. */
export interface ProcessLimits {
  readonly files: number | null;
  /** Of its user, in all. */
  readonly processes: number | null;
}

export function limitsOf(pid: number | 'self'): ProcessLimits {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/limits`, 'latin1');
  } catch {
    // Gone, another user's, or no /proc.
    return { files: null, processes: null };
  }
  const soft = (row: string) => {
    const found = new RegExp(`^${row}\\s+(\\d+)`, 'm').exec(text)?.[1];
    return found === undefined ? null : Number(found);
  };
  return { files: soft('Max open files'), processes: soft('Max processes') };
}

/** How many descriptors a process has open, and how many it may; null where the system does not tell. */
export function openFiles(pid: number): { open: number; limit: number } | null {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1];
    return limit === undefined ? null : { open: readdirSync(`/proc/${pid}/fd`).length, limit: Number(limit) };
  } catch {
    // Gone, another user's, or no /proc.
    return null;
  }
}

/** What a process and its descendants use at this moment. */
export interface TreeUsage {
  /** Resident memory; pages that several processes share are counted for each. */
  readonly bytes: number;
  /** Processor time used so far, that of children which have ended included. */
  readonly cpuMs: number;
  readonly pids: readonly number[];
}

/** A tree beyond all measure is not walked to its end by a command that only looks. */
const MOST_PROCESSES = 2000;

/** Null where the process is gone, or there is no /proc. */
export function treeUsage(root: number): TreeUsage | null {
  const pids = [root];
  let bytes = 0;
  let cpuMs = 0;
  let found = 0;
  // The list grows while it is walked.
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields === null) continue;
    found += 1;
    // utime, stime, cutime, cstime: proc(5).
    for (const field of fields.slice(11, 15)) cpuMs += Number(field) * TICK_MS;
    bytes += residentBytes(pid);
    for (const child of childrenOf(pid)) if (pids.length < MOST_PROCESSES) pids.push(child);
  }
  return found === 0 ? null : { bytes, cpuMs, pids };
}

/** The fields of a status that are measured at this moment; of what is not up, those it has. */
export function withUsage<S extends Measured>(status: S): S {
  const { childPid, watcherPid, uptimeMs } = status;
  const usage = childPid === null || watcherPid === null ? null : treeUsage(childPid);
  if (usage === null) return status;
  const cpuPercent = Math.round((1000 * usage.cpuMs) / Math.max(1, uptimeMs ?? 1)) / 10;
  return { ...status, cpuPercent, memoryBytes: usage.bytes };
}

interface Measured {
  readonly childPid: number | null;
  readonly watcherPid: number | null;
  readonly uptimeMs: number | null;
  cpuPercent: number | null;
  memoryBytes: number | null;
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(procText(`/proc/${pid}/status`) ?? '');
  return match === null ? 0 : Number(match[1]) * 1024;
}
