import { childrenOf, procText, statFields, TICK_MS } from './proc-text.ts';

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
