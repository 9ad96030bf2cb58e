import type { Mono } from '../core/time.ts';
import { createLineMatcher } from './line-matcher.ts';
import type { Probe } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

/** When the child last wrote; with a pattern, when it last wrote a line that matches. */
export function staleProbe(spec: SpecOf<'stale'>): Probe {
  let last: Mono | null = null;
  const { progressPattern } = spec;
  const ask = (detail: string) => () => ({ kind: 'progress', at: last, detail }) as const;
  if (progressPattern === null) {
    return {
      ask: ask('no output'),
      hearBytes: at => {
        last = at;
      },
    };
  }
  const matcher = createLineMatcher(progressPattern);
  return {
    ask: ask(`no line matching ${progressPattern}`),
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
