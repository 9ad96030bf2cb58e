import type { Hold, State } from '../../src/core/model.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Belief } from './belief.ts';

/** One state as it lies on the disk, with what an honest observer would have written in its place. */
export interface Saved {
  snapshot: Snapshot;
  belief: Belief;
  /** When it was written, in virtual time: a second later it would survive a power cut. */
  at: number;
}

/** The run of which something may be alive, as the lock's holder records it, and in which boot. */
export interface Recorded {
  boot: string;
  run: { runId: string; pid: number | null; startTicks: number | null } | null;
}

/** What outlives a watcher: the state file with its durable copy, the lock's record, the hold. */
export class Disk {
  /** Newest last; more than one only while the newest is not yet durable. */
  saves: Saved[] = [];
  record: Recorded | null = null;
  hold: { hold: Hold } | 'unreadable' | null = null;
  /** Nothing can be written until then, or no state; a hold needs no room. */
  fullUntil = 0;
  readOnlyUntil = 0;

  write(saved: Saved): void {
    const durable = this.saves.findLastIndex(one => saved.at - one.at >= 1000);
    this.saves = [...this.saves.slice(Math.max(0, durable)), saved];
  }

  takesState(now: number): boolean {
    return now >= this.fullUntil && now >= this.readOnlyUntil;
  }

  get latest(): Saved | null {
    return this.saves.at(-1) ?? null;
  }

  /** What fsync had made safe by then. */
  durable(now: number): Saved | null {
    return this.saves.findLast(one => now - one.at >= 1000) ?? null;
  }
}

/** What the machine's state says of a run that may be alive, as the real store records it before each save. */
export function runOf(state: State): Recorded['run'] {
  const { phase, clearing } = state;
  if (phase.kind === 'starting') return { runId: phase.runId, pid: null, startTicks: null };
  if (phase.kind === 'checking' && clearing === null) return { runId: phase.ended.runId, pid: null, startTicks: null };
  const run = phase.kind === 'running' || phase.kind === 'stopping' ? phase.live : clearing;
  return run === null ? null : { runId: run.runId, pid: run.pid, startTicks: run.startTicks };
}
