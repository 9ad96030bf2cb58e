import { durationText } from '../core/text/units.ts';
import type { Mono } from '../core/time.ts';
import { createLineMatcher } from './line-matcher.ts';
import { answer, type Probe, type SpeakUp } from './probe.ts';
import { ERROR_PATTERN, type SpecOf } from './probe-spec.ts';
import { createSlidingCount } from './sliding-count.ts';

/** Counts lines that match in a sliding window, and speaks up when there are more than allowed. */
export function errorRateProbe(spec: SpecOf<'error-rate'>, now: () => Mono, speakUp: SpeakUp): Probe {
  const matcher = createLineMatcher(spec.pattern ?? ERROR_PATTERN);
  const { count: allowed, windowMs } = spec.rate;
  const counter = createSlidingCount(windowMs);
  let over = false;
  const observation = () => {
    const found = counter.count(now());
    over = found > allowed;
    return answer(!over, `${found} ${found === 1 ? 'error' : 'errors'} in ${durationText(windowMs)}`, found);
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
