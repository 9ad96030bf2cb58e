import { limited } from './limited.ts';

/** Tells which lines match a pattern of the user's, within bounded time. */
export interface LineMatcher {
  /** Visits the matches in the order of the lines, or from the last one back; ends when `visit` returns false. */
  scan(lines: readonly string[], visit: (match: RegExpExecArray, index: number) => boolean, backwards?: boolean): void;
}

/** Of a line so much is matched, unless more is asked for: even a pattern with one star takes time by the square of it. */
const MATCH_CHARS = 4096;
/** A line on which a match takes longer counts as not matching. */
const SCAN_MS = 100;
/** So many such lines of one call, and the rest of it is not looked at. */
const SLOW_LINES = 3;

/**
 * JavaScript's patterns backtrack, and some take longer than the universe has on a line of forty letters; a watchdog must not
 * hang on what its child prints. V8 can end a running match only through node:vm, at 0.3 ms a call, so this is for the patterns
 * whose form allows such a thing, and for all lines of a call at once.
 */
export function createLineMatcher(pattern: RegExp, mostChars = MATCH_CHARS): LineMatcher {
  const regex = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  const slow = mostChars > MATCH_CHARS || mayBacktrack(pattern.source);
  const run = slow ? limited(SCAN_MS) : (act: () => void) => act();
  return {
    scan(lines, visit, backwards = false) {
      let next = 0;
      const go = () => {
        while (next < lines.length) {
          const index = backwards ? lines.length - 1 - next : next;
          next++;
          const line = lines[index]!;
          const match = regex.exec(line.length > mostChars ? line.slice(0, mostChars) : line);
          if (match !== null && !visit(match, index)) next = lines.length;
        }
      };
      // The line that took too long is passed over; after some of them so are the rest.
      for (let tries = 0; tries < SLOW_LINES && next < lines.length; tries++) run(go);
    },
  };
}

/** Whether a pattern's form allows more than linear time: repeated groups, back references, several repetitions. */
export function mayBacktrack(source: string): boolean {
  const bare = source.replace(/\\[^1-9k]/g, 'x').replace(/\[(?:\\.|[^\]\\])*\]/g, 'x');
  if (/\\[1-9k]/.test(bare) || /\)(?:[*+]|\{\d)/.test(bare)) return true;
  const repetitions = bare.match(/[*+]|\{\d+(?:,\d*)?\}/g)?.length ?? 0;
  const optional = bare.match(/[^(]\?/g)?.length ?? 0;
  return repetitions > 1 || optional > 8;
}
