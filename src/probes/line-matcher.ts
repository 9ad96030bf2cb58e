import { createContext, Script } from 'node:vm';

/**
 * Returns how to run something that is ended, in the middle of a regular expression if need be, when it takes longer than that;
 * false: it was ended. V8 offers this only through node:vm, at 0.3 ms a call. What it throws is thrown.
 */
export function limited(limitMs: number): (act: () => void) => boolean {
  const room = { act: () => {} };
  createContext(room);
  const script = new Script('act()');
  return act => {
    room.act = act;
    try {
      script.runInContext(room, { timeout: limitMs });
      return true;
    } catch (error) {
      // It is an error of the other context, so not an instance of our Error.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      return false;
    } finally {
      room.act = () => {};
    }
  };
}

/** Tells which lines match a pattern of the user's, within bounded time. */
export interface LineMatcher {
  /** Visits the matches in the order of the lines, or from the last one back; ends when `visit` returns false. */
  scan(lines: readonly string[], visit: (match: RegExpExecArray, index: number) => boolean, backwards?: boolean): void;
  /** How many lines were not looked at to their end, since the pattern takes too long. */
  readonly skipped: number;
}

/** For the words of a probe: what a matcher has skipped, or nothing. */
export function skippedText({ skipped }: LineMatcher): string {
  if (skipped === 0) return '';
  return ` (${skipped} ${skipped === 1 ? 'line' : 'lines'} skipped: matching the pattern takes too long)`;
}

/** Of a line so much is matched, unless more is asked for: even a pattern with one star takes time by the square of it. */
const MATCH_CHARS = 4096;
/** Slow patterns, all of them together, may take so much of each window: supervision goes on beside them. */
const BUDGET_MS = 100;
const WINDOW_MS = 2000;
/** The longest that one of them runs at a time. */
const SCAN_MS = 50;
const LEAST_MS = 5;
const budget = { windowBegan: Number.NEGATIVE_INFINITY, spentMs: 0 };

/**
 * JavaScript's patterns backtrack, and some take longer than the universe has on a line of forty letters; a watchdog must not
 * hang on what its child prints. V8 has a second engine, whose time is linear: 15 µs for a line of 100 letters. It knows neither
 * look-around nor back references; what needs those is run against the clock, and skips lines when its time is used up.
 */
export function createLineMatcher(pattern: RegExp, mostChars = MATCH_CHARS): LineMatcher {
  const plain = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  const slow = mostChars > MATCH_CHARS || mayBacktrack(pattern.source);
  const linear = slow ? linearForm(plain) : plain;
  const regex = linear ?? plain;
  const run = linear === null ? limited(SCAN_MS) : null;
  let skipped = 0;

  return {
    get skipped() {
      return skipped;
    },
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
      if (run === null) return go();
      while (next < lines.length && leftMs() >= LEAST_MS) {
        // The line that took too long is passed over.
        if (!timed(() => run(go))) skipped++;
      }
      skipped += lines.length - next;
    },
  };
}

function leftMs(): number {
  const now = nowMs();
  if (now - budget.windowBegan >= WINDOW_MS) Object.assign(budget, { windowBegan: now, spentMs: 0 });
  return BUDGET_MS - budget.spentMs;
}

function timed<T>(act: () => T): T {
  const before = nowMs();
  try {
    return act();
  } finally {
    budget.spentMs += nowMs() - before;
  }
}

const nowMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/** The same pattern in a form that cannot take more than linear time; null if there is none. */
function linearForm(regex: RegExp): RegExp | null {
  useLinearEngine();
  const source = regex.flags.includes('i') ? caseless(regex.source) : regex.source;
  const flags = regex.flags.replace('i', '');
  if (source === null) return null;
  try {
    return new RegExp(source, `${flags}l`);
  } catch {
    // Look-around, back references, Unicode classes, large counts; or another V8 that has no such engine.
    return null;
  }
}

let engineOn = false;

function useLinearEngine(): void {
  if (engineOn) return;
  engineOn = true;
  // Allows the flag `l`. V8's own way over to this engine after many steps back does not know groups by name, and hangs on them.
  process.getBuiltinModule('node:v8').setFlagsFromString('--enable-experimental-regexp-engine');
}

const TOKENS = /\\.|\(\?(?:<[A-Za-z_$][\w$]*>|<?[:=!])|\[(?:\\.|[^\]\\])*\]|[A-Za-z]/gs;

/** A pattern that ignores case by itself, since the linear engine does not know the flag; null if that cannot be said in ASCII. */
function caseless(source: string): string | null {
  if (/[^\0-\x7f]|\\[uxckpP]/.test(source)) return null;
  const both = (letter: string) => letter.toLowerCase() + letter.toUpperCase();
  const inClass = (part: string) => {
    if (part.startsWith('\\')) return part;
    if (part.length === 1) return both(part);
    return part + part.toLowerCase() + part.toUpperCase();
  };
  return source.replace(TOKENS, token => {
    if (token.startsWith('[')) return token.replace(/\\.|[a-z]-[a-z]|[A-Z]-[A-Z]|[A-Za-z]/g, inClass);
    return token.length === 1 ? `[${both(token)}]` : token;
  });
}

/** Whether a pattern's form allows more than linear time: repeated groups, back references, several repetitions. */
export function mayBacktrack(source: string): boolean {
  const bare = source.replace(/\\[^1-9k]/g, 'x').replace(/\[(?:\\.|[^\]\\])*\]/g, 'x');
  if (/\\[1-9k]/.test(bare) || /\)(?:[*+]|\{\d)/.test(bare)) return true;
  const repetitions = bare.match(/[*+]|\{\d+(?:,\d*)?\}/g)?.length ?? 0;
  const optional = bare.match(/[^(]\?/g)?.length ?? 0;
  return repetitions > 1 || optional > 8;
}
