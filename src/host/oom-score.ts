import { readFileSync, writeFileSync } from 'node:fs';

/** Where the kernel keeps how eagerly it kills us when memory runs out: -1000 never, 1000 first. Inherited over fork. */
const OWN_SCORE = '/proc/self/oom_score_adj';
/**
 * By how much it is lowered: 900 is what programs take that others depend on (dbus), far behind everybody else, yet not exempt. Without
 * CAP_SYS_RESOURCE the kernel lets us go down to what a privileged process last set for us, which cannot be read: usually 0, from which
 * the units of a user's own systemd were raised.
 */
const STEP = 900;
const USUAL_FLOOR = 0;

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
    low ??= from === null ? null : (lowerThan(from).find(write) ?? null);
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

/** Scores below this one, as low as is wanted first. */
function lowerThan(score: number): number[] {
  return [Math.max(-999, score - STEP), USUAL_FLOOR].filter(lower => lower < score);
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
