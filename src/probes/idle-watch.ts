/** Watches a silent run's processes for signs of life: for `--stale-when idle`. Loaded when the first run is silent for half its limit. */
import {
  bornAfterTicks,
  cpuRate,
  FULL_LOOK,
  type SignOfLife,
  signOfLife,
  type TreeReading,
  usualShare,
} from '../core/idleness.ts';
import type { Mono } from '../core/units.ts';
import { readTreeActivity } from '../host/socket-table.ts';
import type { Members } from './memory-and-cpu.ts';
import { idleLookMs } from './probe.ts';

export interface IdleWatch {
  /**
   * Looks, if it is time to. Returns the last sign of life since the output ended; null: none so far. `silentSince`: when the child
   * last wrote, or started. `judgedMs`: without a sign for so long it is judged, so that there must be a fresh look.
   */
  look(silentSince: Mono, now: Mono, judgedMs: number): SignOfLife | null;
}

/** This part of the limit is observed at least before a tree is called idle: a busy machine may let us look late. */
const OBSERVED = 0.4;
/** Weak signs count for this many times the limit. */
const MOST_WEAK = 5;
/**
 * A tree that uses no more than this, in ms a second, in so much of the last looks, or on average, hardly runs. A spinner that is drawn
 * ten times a second takes 0.9 in Python and 2 in Node: on a machine where others connect it must not pass for a poll.
 */
const QUIET_RATE = 0.2;
const QUIET_PART = 0.25;
const QUIET_MEAN_RATE = 0.5;
const LOOKS_KEPT = 10;
/** A look this long ago is a fresh one: both stages of a probe judge by it. */
const FRESH_MS = 50;

const shared = new WeakMap<Members, Map<string, IdleWatch>>();

/**
 * The watch over the members of a run, one for both stages of a probe, which look together. Looks are apart by a part of the limit, and
 * one comes when it is judged. `signal`: the output that counts.
 */
export function idleWatchOf(members: Members, limitMs: number, signal: string): IdleWatch {
  const ofRun = shared.get(members) ?? new Map<string, IdleWatch>();
  shared.set(members, ofRun);
  const key = `${limitMs} ${signal}`;
  const watch = ofRun.get(key) ?? createIdleWatch(limitMs, idleLookMs(limitMs), () => members.look().keys());
  ofRun.set(key, watch);
  return watch;
}

function createIdleWatch(limitMs: number, everyMs: number, pids: () => Iterable<number>): IdleWatch {
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
      bornAfter: bornAfterTicks(reading, silentSince, limitMs),
      sign: null,
      strongAt: silentSince,
      quiet: [],
    };
  }

  function next(before: Silence): void {
    const reading = readTreeActivity(pids());
    const { last, cpuSince, quiet, strongAt, usual } = before;
    const mostQuiet = quiet.length > 0 && quiet.filter(Boolean).length >= QUIET_PART * quiet.length;
    const sign = signOfLife(last, reading, {
      lookEveryMs: everyMs,
      cpuSince,
      quiet: mostQuiet || cpuRate(before.first, reading) <= QUIET_MEAN_RATE,
      usualShare: usual,
      bornAfterTicks: before.bornAfter,
    });
    if (reading.at - cpuSince.at >= everyMs * FULL_LOOK) before.cpuSince = reading;
    before.quiet = [...quiet.slice(1 - LOOKS_KEPT), cpuRate(last, reading) <= QUIET_RATE];
    before.last = reading;
    if (sign === null || (sign.weak && reading.at - strongAt > MOST_WEAK * limitMs)) return;
    before.sign = sign;
    if (!sign.weak) before.strongAt = sign.at;
  }

  return {
    look(silentSince, now, judgedMs) {
      if (silence === null || silence.silentSince !== silentSince) silence = first(silentSince);
      else {
        const lifeSign = silence.sign?.at ?? silentSince;
        const sinceMs = now - silence.last.at;
        const isDue = sinceMs >= everyMs * FULL_LOOK || (now - lifeSign >= judgedMs && sinceMs >= FRESH_MS);
        if (isDue) next(silence);
      }
      // A first look that came late moves the verdict: as if there had been a sign of life that much before it.
      const observedFrom = (silence.first.at - (1 - OBSERVED) * limitMs) as Mono;
      if (observedFrom <= (silence.sign?.at ?? silentSince)) return silence.sign;
      return { at: observedFrom, weak: true, words: 'a late measurement' };
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
  /** In ticks of the kernel's clock. */
  readonly bornAfter: number;
  sign: SignOfLife | null;
  /** When the last strong sign was, output included. */
  strongAt: Mono;
  /** Of each of the last looks, whether the tree hardly ran before it. */
  quiet: readonly boolean[];
}
