import { readFileSync, writeFileSync } from 'node:fs';

/** Where the kernel keeps how eagerly it kills us when memory runs out: -1000 never, 1000 first. Inherited over fork. */
const OWN_SCORE = '/proc/self/oom_score_adj';
/**
 * By how much it is tried to lower it: 900 is what programs take that others depend on (dbus), far behind everybody else, yet not exempt.
 * Without CAP_SYS_RESOURCE the kernel lets us go down to what a privileged process last set for us, which cannot be read: the units of
 * a user's own systemd have 100 of room.
 */
const STEPS = [900, 800, 700, 600, 500, 400, 300, 200, 100];

export interface OomProtection {
  /** Runs something that starts a process, which then has the score that we were started with; ours is low from then on. */
  asInherited<T>(start: () => T): T;
}

/**
 * Puts us behind others in the kernel's choice, as far as that is allowed: the child eats the memory, and the watcher
 * must be there to start it again. For the moment of a spawn the score goes back, so that no process ever has ours by a race, as it
 * would if the child's were put right after its start.
 */
export function createOomProtection(): OomProtection {
  // Looked up behind the first start, which waits for nothing that it does not need.
  let inherited: number | null = null;
  let low: number | null = null;
  let allowed = true;

  function lower(): void {
    inherited ??= read();
    const from = inherited;
    low ??= from === null ? null : (STEPS.map(by => Math.max(-999, from - by)).find(write) ?? null);
    allowed = low !== null && write(low);
  }

  return {
    asInherited(start) {
      if (!allowed) return start();
      if (inherited !== null) write(inherited);
      try {
        return start();
      } finally {
        lower();
      }
    },
  };
}

function read(): number | null {
  try {
    const score = Number(readFileSync(OWN_SCORE, 'utf8'));
    return Number.isInteger(score) ? score : null;
  } catch {
    // No /proc, or a kernel without the OOM killer: nothing to shelter from.
    return null;
  }
}

function write(score: number): boolean {
  try {
    writeFileSync(OWN_SCORE, String(score));
    return true;
  } catch {
    // EACCES: not that low. If nothing lower is allowed, we are as likely to go as the child.
    return false;
  }
}
