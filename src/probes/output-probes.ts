import type { Observation } from '../core/health-model.ts';
import { createRepeatCounter, isLoop } from '../core/repeats.ts';
import { plainLine, wholeStart } from '../core/text.ts';
import { durationText, type Mono } from '../core/units.ts';
import type { Members } from './memory-and-cpu.ts';
import { createLineMatcher, skippedText } from './output-feed.ts';
import {
  answer,
  ERROR_PATTERN,
  type Probe,
  QUOTED_CHARS,
  type RhythmKeeper,
  type SpeakUp,
  type SpecOf,
  silenceLimitMs,
} from './probe.ts';

/** Speaks up at the first line of a run that matches. */
export function failPatternProbe(spec: SpecOf<'fail-pattern'>, speakUp: SpeakUp): Probe {
  const matcher = createLineMatcher(spec.pattern);
  let matched: string | null = null;
  let toldSkipped = false;
  const observation = () =>
    matched === null
      ? answer(true, `no such line${skippedText(matcher)}`)
      : answer(false, `a line matched: ${matched}`);
  return {
    ask: observation,
    hearLines: lines => {
      if (matched !== null) return;
      matcher.scan(lines, (_match, index) => {
        matched = wholeStart(plainLine(lines[index]!), QUOTED_CHARS);
        speakUp(observation());
        return false;
      });
      if (matched === null && matcher.skipped > 0 && !toldSkipped) speakUp(observation());
      toldSkipped = matcher.skipped > 0;
    },
  };
}

/** Counts what happened within a window that slides with time. */
export interface SlidingCount {
  add(at: Mono, count: number): void;
  /** How many in the window that ends now. */
  count(now: Mono): number;
}

/** The window is kept in so many parts, whatever the rate: an event leaves it up to one part late. */
const PARTS = 240;

/** The memory it takes does not depend on how much is counted. */
export function createSlidingCount(windowMs: number): SlidingCount {
  const partMs = Math.max(1, windowMs / PARTS);
  let parts: { at: number; count: number }[] = [];
  const forget = (now: number) => {
    const gone = parts.findIndex(part => now - part.at < windowMs);
    if (gone === -1) parts = [];
    else if (gone > 0) parts = parts.slice(gone);
  };
  return {
    add(at, count) {
      forget(at);
      const last = parts.at(-1);
      if (last !== undefined && at - last.at < partMs) last.count += count;
      else parts.push({ at, count });
    },
    count(now) {
      forget(now);
      return parts.reduce((sum, part) => sum + part.count, 0);
    },
  };
}

/** Counts lines that match in a sliding window, and speaks up when there are more than allowed. */
export function errorRateProbe(spec: SpecOf<'error-rate'>, now: () => Mono, speakUp: SpeakUp): Probe {
  const matcher = createLineMatcher(spec.pattern ?? ERROR_PATTERN);
  const { count: allowed, windowMs } = spec.rate;
  const counter = createSlidingCount(windowMs);
  let over = false;
  const observation = () => {
    const found = counter.count(now());
    over = found > allowed;
    return answer(
      !over,
      `${found} ${found === 1 ? 'error' : 'errors'} in ${durationText(windowMs)}${skippedText(matcher)}`,
      found,
    );
  };
  return {
    ask: observation,
    hearLines: (lines, at) => {
      let found = 0;
      matcher.scan(lines, () => {
        found++;
        return true;
      });
      if (found === 0) return;
      counter.add(at, found);
      const before = over;
      const seen = observation();
      if (over && !before) speakUp(seen);
    },
  };
}

/**
 * When the child last wrote; with a pattern, when it last wrote a line that matches. With `when: idle` also when its processes last
 * showed a sign of life, looked for while it is silent.
 */
export function staleProbe(spec: SpecOf<'stale'>, now: () => Mono, members: Members): Probe {
  const { progressPattern, when, afterMs, early } = spec;
  const what = progressPattern === null ? 'no output' : `no line matching ${progressPattern}`;
  const startedAt = now();
  let last: Mono | null = null;
  const limitMs = silenceLimitMs(spec);
  const learned = early ? { learned: { limitMs, words: `restarts at ${durationText(afterMs)}` } } : {};
  const seen = (detail: string, at = last): Observation => ({ kind: 'progress', at, detail, ...learned });

  async function askTree(): Promise<Observation> {
    const { idleWatchOf } = await import('./idle-watch.ts');
    const sign = idleWatchOf(members, afterMs, what).look(last ?? startedAt, now(), limitMs);
    if (sign === null || (last !== null && last >= sign.at)) return seen(`${what} and no activity`);
    return seen(`${what}, and no activity after ${sign.words}`, sign.at);
  }

  const ask = () => {
    const isEarly = now() - (last ?? startedAt) < afterMs / 2;
    return when === 'idle' && !isEarly ? askTree() : seen(what);
  };
  if (progressPattern === null) {
    return {
      ask,
      hearOutput: at => {
        last = at;
      },
    };
  }
  const matcher = createLineMatcher(progressPattern);
  return {
    ask,
    hearLines: (lines, at) => {
      const found = () => {
        last = at;
        return false;
      };
      // The newest line first: one is enough.
      matcher.scan(lines, found, true);
    },
  };
}

/** Of the lines that come together at most so many are looked at, which stand for the others. */
const MOST_SAMPLED = 100;
const LOOK_AGAIN_MS = 1000;

/** Speaks up when most of the lines in the window are alike, and when they are no longer. */
export function repeatsProbe(spec: SpecOf<'repeats'>, now: () => Mono, speakUp: SpeakUp): Probe {
  const { count, windowMs } = spec.rate;
  const counter = createRepeatCounter(windowMs);
  let loops = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  const observation = () => {
    const found = counter.look(now());
    loops = isLoop(found, count);
    const { lines, share, shapes, example } = found;
    if (!loops) return answer(true, `${lines} ${lines === 1 ? 'line' : 'lines'} in ${durationText(windowMs)}, no loop`);
    const alike = `${Math.floor(100 * share)}% of ${lines} lines in ${durationText(windowMs)} are ${shapes === 1 ? 'alike' : `of ${shapes} kinds`}`;
    return answer(false, `${alike}: ${wholeStart(plainLine(example ?? ''), QUOTED_CHARS)}`);
  };
  return {
    ask: observation,
    hearLines: (lines, at) => {
      const stride = Math.max(1, Math.ceil(lines.length / MOST_SAMPLED));
      for (let index = 0; index < lines.length; index += stride)
        counter.add(at, lines[index]!, Math.min(stride, lines.length - index));
      if (at - lookedAt < LOOK_AGAIN_MS) return;
      lookedAt = at;
      const before = loops;
      const seen = observation();
      if (loops !== before) speakUp(seen);
    },
  };
}

/** The restart comes at this many times the limit at which it is alerted. */
const RESTART_FACTOR = 2;

/**
 * When the child last wrote, with the limit that its rhythm has taught. The alerting stage learns; the restarting one tells the keeper
 * when its run ends for a silence.
 */
export function rhythmProbe(spec: SpecOf<'rhythm'>, keeper: RhythmKeeper, now: () => Mono): Probe {
  const { stage, progressPattern } = spec;
  const alerts = stage === 'alert';
  const what = progressPattern === null ? 'no output' : `no line matching ${progressPattern}`;
  const startedAt = now();
  let last: Mono | null = null;
  if (alerts) keeper.startRun();
  const limitMs = () => keeper.limitMs() * (alerts ? 1 : RESTART_FACTOR);
  const heard = (at: Mono) => {
    if (alerts) keeper.heard(at);
    last = at;
  };
  const probe: Probe = {
    ask: () => ({ kind: 'progress', at: last, detail: what, learned: { limitMs: limitMs(), words: keeper.words() } }),
    close() {
      if (alerts) keeper.endRun();
      else if (now() - (last ?? startedAt) >= limitMs()) keeper.expired();
    },
  };
  if (progressPattern === null) return { ...probe, hearOutput: heard };
  const matcher = createLineMatcher(progressPattern);
  const found = (at: Mono) => () => {
    heard(at);
    return false;
  };
  return { ...probe, hearLines: (lines, at) => matcher.scan(lines, found(at), true) };
}

/** When the child first wrote in this run. */
export function firstOutputProbe(): Probe {
  let first: Mono | null = null;
  return {
    ask: () => ({ kind: 'progress', at: first, detail: 'no output' }),
    hearOutput: at => {
      first ??= at;
    },
  };
}
