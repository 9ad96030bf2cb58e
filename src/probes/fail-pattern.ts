import { plainLine } from '../core/text/escape.ts';
import { createLineMatcher } from './line-matcher.ts';
import { answer, type Probe, type SpeakUp } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

const SHOWN_CHARS = 200;

/** Speaks up at the first line of a run that matches. */
export function failPatternProbe(spec: SpecOf<'fail-pattern'>, speakUp: SpeakUp): Probe {
  const matcher = createLineMatcher(spec.pattern);
  let matched: string | null = null;
  const observation = () =>
    matched === null ? answer(true, 'no such line') : answer(false, `a line matched: ${matched}`);
  return {
    ask: observation,
    hearLines: lines => {
      if (matched !== null) return;
      matcher.scan(lines, (_match, index) => {
        matched = plainLine(lines[index]!).slice(0, SHOWN_CHARS);
        speakUp(observation());
        return false;
      });
    },
  };
}
