import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from './errno.ts';

/** A process that the kernel says it killed for want of memory. */
export interface OomVictim {
  pid: number;
  /** Its memory control group, where the kernel names it. */
  cgroup: string | null;
  /** Milliseconds since boot, by the kernel log's own clock, which stays within seconds of the monotonic one. */
  atMs: number;
  line: string;
}

/** The kernel's log, as far as it may be read. */
export interface KernelLog {
  /** The latest victims, oldest first. Reads only what is new since the last look. */
  victims(): Promise<readonly OomVictim[]>;
  close(): void;
}

const DEVICE_MAJOR = 1;
const DEVICE_MINOR = 11;
/** The longest record (CONSOLE_EXT_LOG_MAX). */
const RECORD_BYTES = 8192;
const RECORDS_A_TURN = 200;
const RECORDS_A_LOOK = 20_000;
const VICTIMS_KEPT = 50;

/** Opens /dev/kmsg; null where it may not be read (CAP_SYSLOG with dmesg_restrict) or is not what it should be. */
export function openKernelLog(path = '/dev/kmsg'): KernelLog | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // EPERM mostly: an ordinary user's watcher does without.
    return null;
  }
  // Some containers have a terminal there.
  const { rdev } = fstatSync(fd);
  if (rdev !== DEVICE_MAJOR * 256 + DEVICE_MINOR) {
    closeSync(fd);
    return null;
  }
  const buffer = Buffer.allocUnsafe(RECORD_BYTES);
  const victims: OomVictim[] = [];
  const cgroups = new Map<number, string>();
  return {
    async victims() {
      for (let count = 1; count <= RECORDS_A_LOOK; count++) {
        const record = readRecord(fd, buffer);
        if (record === null) break;
        note(record, victims, cgroups);
        // The log of a long uptime has thousands of records: others get their turn between.
        if (count % RECORDS_A_TURN === 0) await nextTurn();
      }
      return victims;
    },
    close: () => closeSync(fd),
  };
}

/** One record; empty if it could not be read, null at the end. */
function readRecord(fd: number, buffer: Buffer): string | null {
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, null)) || null;
  } catch (error) {
    // EPIPE: it was overwritten while we read, and the next read goes on after the gap. EAGAIN: that was all.
    return errnoOf(error) === 'EPIPE' ? '' : null;
  }
}

/** Source: mm/oom_kill.c. `oom-kill:…,task_memcg=/path,task=name,pid=N,uid=N` comes before `… Killed process N (name) …`. */
function note(record: string, victims: OomVictim[], cgroups: Map<number, string>): void {
  const [head = '', line = ''] = (record.split('\n')[0] ?? '').split(/;(.*)/s);
  const told = /^oom-kill:.*task_memcg=(.*),task=.*,pid=(\d+)/.exec(line);
  if (told !== null) cgroups.set(Number(told[2]), told[1] ?? '');
  const killed = /[Oo]ut of memory.*: Kill(?:ed)? process (\d+) \(/.exec(line);
  if (killed === null) return;
  const pid = Number(killed[1]);
  victims.push({ pid, cgroup: cgroups.get(pid) ?? null, atMs: Number(head.split(',')[2]) / 1000, line });
  cgroups.delete(pid);
  if (victims.length > VICTIMS_KEPT) victims.shift();
}
