/** Watches a silent run's processes for signs of life: for `--stale-when idle`. Loaded when the first run is silent for half its limit. */
import { cpuRate, FULL_LOOK, type SignOfLife, signOfLife, type TreeReading, usualShare } from '../core/idleness.ts';
import type { Mono } from '../core/time.ts';
import { readTreeActivity } from '../host/tree-activity.ts';

export interface IdleWatch {
  /**
   * Looks, if it is time to. Returns the last sign of life since the output ended; null: none so far. `silentSince`: when the child
   * last wrote, or started.
   */
  look(silentSince: Mono, now: Mono): SignOfLife | null;
}

/** This part of the limit is observed at least before a tree is called idle: a busy machine may let us look late. */
const OBSERVED = 0.4;
/** Weak signs count for this many times the limit. */
const MOST_WEAK = 5;
/** What starts within this part of the limit after the child does belongs to the start. */
const STARTING = 0.1;
const MOST_YOUNG_MS = 10_000;
/** A tree that uses no more than this, in ms a second, in so much of the last looks, or on average, hardly runs. */
const QUIET_RATE = 0.2;
const QUIET_PART = 0.4;
const QUIET_MEAN_RATE = 1;
const LOOKS_KEPT = 10;

/** Looks are `everyMs` apart, and one comes when the limit is reached. `pids`: the run's processes at the moment. */
export function createIdleWatch(limitMs: number, everyMs: number, pids: () => Iterable<number>): IdleWatch {
  let silence: Silence | null = null;

  function first(silentSince: Mono): Silence {
    const reading = readTreeActivity(pids());
    const usual = usualShare(reading);
    return {
      silentSince,
      first: reading,
      last: reading,
      cpuSince: reading,
      usual,
      sign: null,
      strongAt: silentSince,
      quiet: [],
    };
  }

  function next(before: Silence): void {
    const reading = readTreeActivity(pids());
    const { last, cpuSince, quiet, strongAt, usual } = before;
    const mostQuiet = quiet.length >= 2 && quiet.filter(Boolean).length >= QUIET_PART * quiet.length;
    const sign = signOfLife(last, reading, {
      lookEveryMs: everyMs,
      cpuSince,
      quiet: mostQuiet || cpuRate(before.first, reading) <= QUIET_MEAN_RATE,
      usualShare: usual,
      silentSince: before.silentSince,
      youngAfterMs: Math.min(MOST_YOUNG_MS, STARTING * limitMs),
    });
    if (reading.at - cpuSince.at >= everyMs * FULL_LOOK) before.cpuSince = reading;
    before.quiet = [...quiet.slice(1 - LOOKS_KEPT), cpuRate(last, reading) <= QUIET_RATE];
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
      // A first look that came late moves the verdict: as if there had been a sign of life that much before it.
      const observedFrom = (silence.first.at - (1 - OBSERVED) * limitMs) as Mono;
      if (observedFrom <= (silence.sign?.at ?? silentSince)) return silence.sign;
      return { at: observedFrom, weak: true, words: 'a look that came late' };
    },
  };
}

/** What is known of the silence under way. */
interface Silence {
  readonly silentSince: Mono;
  readonly first: TreeReading;
  last: TreeReading;
  cpuSince: TreeReading;
  readonly usual: number;
  sign: SignOfLife | null;
  /** When the last strong sign was, output included. */
  strongAt: Mono;
  /** Of each of the last looks, whether the tree hardly ran before it. */
  quiet: readonly boolean[];
}
