/** Watches a silent run's processes for signs of life: for `--stale-when idle`. Loaded when the first run is silent for half its limit. */
import { FULL_LOOK, isQuiet, type SignOfLife, signOfLife, type TreeReading, usualShare } from '../core/idleness.ts';
import type { Mono } from '../core/time.ts';
import { readTreeActivity } from '../host/tree-activity.ts';

export interface IdleWatch {
  /**
   * Looks, if it is time to. Returns the last sign of life since the output ended; null: none so far. `silentSince`: when the child
   * last wrote, or started.
   */
  look(silentSince: Mono, now: Mono): SignOfLife | null;
}

/** Weak signs count for this many times the limit. */
const MOST_WEAK = 5;
/** What starts within this part of the limit after the child does belongs to the start. */
const STARTING = 0.1;
const MOST_YOUNG_MS = 10_000;
/** So many looks of the last ones must have been quiet, of at least so many. */
const QUIET_LOOKS = 5;
const QUIET_PART = 0.6;

/** Looks are `everyMs` apart, and one comes when the limit is reached. `pids`: the run's processes at the moment. */
export function createIdleWatch(limitMs: number, everyMs: number, pids: () => Iterable<number>): IdleWatch {
  let silence: Silence | null = null;

  function first(silentSince: Mono): Silence {
    const reading = readTreeActivity(pids());
    const usual = usualShare(reading);
    return { silentSince, last: reading, cpuSince: reading, usual, sign: null, strongAt: silentSince, quiet: [] };
  }

  function next(before: Silence): void {
    const reading = readTreeActivity(pids());
    const { last, cpuSince, quiet, strongAt, usual } = before;
    const isQuietTree = quiet.length >= QUIET_LOOKS && quiet.filter(Boolean).length >= QUIET_PART * quiet.length;
    const sign = signOfLife(last, reading, {
      lookEveryMs: everyMs,
      cpuSince,
      quiet: isQuietTree,
      usualShare: usual,
      lastSign: strongAt,
      youngAfterMs: Math.min(MOST_YOUNG_MS, STARTING * limitMs),
    });
    if (reading.at - cpuSince.at >= everyMs * FULL_LOOK) before.cpuSince = reading;
    before.quiet = [...quiet.slice(-2 * QUIET_LOOKS), isQuiet(last, reading)];
    before.last = reading;
    if (sign === null || (sign.weak && reading.at - strongAt > MOST_WEAK * limitMs)) return;
    before.sign = sign;
    if (!sign.weak) before.strongAt = sign.at;
  }

  return {
    look(silentSince, now) {
      if (silence === null || silence.silentSince !== silentSince) silence = first(silentSince);
      else {
        const lifeSign = silence.sign?.at ?? silentSince;
        const isDue = now - lifeSign >= limitMs || now - silence.last.at >= everyMs * FULL_LOOK;
        if (isDue) next(silence);
      }
      return silence.sign;
    },
  };
}

/** What is known of the silence under way. */
interface Silence {
  readonly silentSince: Mono;
  last: TreeReading;
  cpuSince: TreeReading;
  readonly usual: number;
  sign: SignOfLife | null;
  /** When the last strong sign was, output included. */
  strongAt: Mono;
  /** Of each of the last looks, whether the tree hardly ran before it. */
  quiet: readonly boolean[];
}
