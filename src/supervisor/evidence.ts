import { totalmem } from 'node:os';
import type { IncidentSeed } from '../core/events.ts';
import { bytesWords } from '../core/text/units.ts';
import { memoryLimit, oomKills } from '../host/cgroup.ts';
import { monoNow } from '../host/clock.ts';
import { diskRoom } from '../host/disk-room.ts';
import { type KernelLog, openKernelLog } from '../host/kernel-log.ts';
import { portHolder } from '../host/port-holder.ts';
import { signalOf } from '../incidents/triage/exit.ts';
import type { Fact } from '../incidents/triage/facts.ts';
import type { RunNotes } from './run-watch.ts';

/** What was measured about an end: facts that decide, and sentences beside them. */
export interface Measured {
  facts: Fact[];
  notes: string[];
}

/** Measures what can be measured of a run that is over. */
export interface EvidenceDesk {
  measure(seed: IncidentSeed, run: RunNotes | null, output: string): Promise<Measured>;
  holder(port: number, except: readonly number[]): Promise<Fact | null>;
}

/** A share of the limit from which memory is suspected. */
const NEAR_LIMIT = 0.8;
/** With this little left nothing of use can be written. */
const NO_ROOM_BYTES = 1024 * 1024;
const LOW_SHARE = 0.02;
const FULL_WORDS = /no space left|ENOSPC|disk (?:is )?full|quota exceeded|EDQUOT|Errno 28|Errno 122/i;
/** The kernel log's clock and ours may drift apart. */
const CLOCK_SLOP_MS = 5000;
const DISK_EVERY_MS = 1000;
/** Nearly all descriptors in use. */
const NEAR_FILES = 0.9;

export function createEvidenceDesk(paths: readonly string[]): EvidenceDesk {
  let kernelLog: KernelLog | null | undefined;
  let diskAtMs = Number.NEGATIVE_INFINITY;
  let disk: Measured = { facts: [], notes: [] };

  async function kernelSays(seed: IncidentSeed, run: RunNotes): Promise<Fact[]> {
    kernelLog ??= openKernelLog();
    const victims = (await kernelLog?.victims()) ?? [];
    const ofRun = victims.findLast(({ pid, cgroup, atMs }) => {
      if (atMs < run.startedAtMs - CLOCK_SLOP_MS || atMs > seed.at.mono + CLOCK_SLOP_MS) return false;
      const sameGroup = cgroup !== null && cgroup !== '/' && run.cgroup !== null && cgroup === run.cgroup.name;
      return pid === run.pid || sameGroup;
    });
    return ofRun === undefined ? [] : [{ kind: 'oom-kill-logged', line: ofRun.line.slice(0, 300) }];
  }

  async function memory(seed: IncidentSeed, run: RunNotes): Promise<Measured> {
    const now = run.cgroup === null ? null : oomKills(run.cgroup);
    const before = run.oomKillsBefore;
    const killed = signalOf(seed.exit) === 'SIGKILL';
    const facts: Fact[] = [];
    const notes: string[] = [];
    const grown = before !== null && now !== null && now > before;
    if (grown) facts.push({ kind: 'oom-kill-counter', before, after: now });
    if (killed || grown) facts.push(...(await kernelSays(seed, run)));
    if (!killed || facts.length > 0) return { facts, notes };
    if (before !== null && now !== null) notes.push("the cgroup's oom_kill counter did not grow during this run");
    const last = seed.memory.at(-1);
    const limit = (run.cgroup === null ? null : memoryLimit(run.cgroup)) ?? totalmem();
    // A counter that can be read and did not grow acquits the kernel.
    if (now === null && last !== undefined && last.bytes >= limit * NEAR_LIMIT)
      facts.push({ kind: 'memory-near-limit', bytes: last.bytes, limitBytes: limit });
    return { facts, notes };
  }

  async function diskState(output: string): Promise<Measured> {
    const now = monoNow();
    if (now - diskAtMs >= DISK_EVERY_MS) {
      diskAtMs = now;
      disk = { facts: [], notes: [] };
      for (const { path, freeBytes, totalBytes, freeInodes } of await diskRoom(paths)) {
        if (totalBytes > 0 && freeBytes < NO_ROOM_BYTES) disk.facts.push({ kind: 'disk-full', path, freeBytes });
        else if (freeInodes === 0) disk.facts.push({ kind: 'disk-full', path, freeBytes, inodes: true });
        else if (freeBytes < totalBytes * LOW_SHARE) disk.notes.push(`only ${bytesWords(freeBytes)} free on ${path}`);
        else if (FULL_WORDS.test(output)) disk.notes.push(`${bytesWords(freeBytes)} free on ${path}`);
      }
    }
    return disk;
  }

  return {
    async measure(seed, run, output) {
      const facts: Fact[] = [];
      const notes: string[] = [];
      const add = (found: Measured) => {
        facts.push(...found.facts);
        notes.push(...found.notes);
      };
      const lived = seed.kind !== 'start-failed' && seed.kind !== 'orphan';
      if (lived && run !== null) {
        add(await memory(seed, run));
        add(filesOf(run));
      }
      add(await diskState(output));
      return { facts, notes };
    },
    async holder(port, except) {
      const found = await portHolder(port, new Set(except));
      return found === null ? null : { kind: 'port-holder', port, ...found };
    },
  };
}

function filesOf({ files }: RunNotes): Measured {
  if (files === null || files.open < files.limit * NEAR_FILES) return { facts: [], notes: [] };
  return { facts: [{ kind: 'open-files', ...files }], notes: [] };
}
