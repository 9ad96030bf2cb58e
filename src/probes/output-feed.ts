import { createContext, Script } from 'node:vm';
import { createRedrawFilter, type RedrawFilter } from '../core/repeats.ts';
import type { Mono } from '../core/units.ts';
import type { Probe } from './probe.ts';

/** A longer line is cut: what is behind this many bytes is not looked at. */
export const LINE_BYTES = 65_536;

/** Cuts bytes into lines. */
export interface LineSplitter {
  /** Returns the lines that these bytes complete. The buffer is not kept. */
  push(bytes: Buffer): string[];
}

const NEWLINE = 10;

/**
 * Lines end with a newline. What a terminal would draw over is not seen: of a line with carriage returns in it only what stands
 * behind the last counts, so a spinner that never ends its line is none.
 */
export function createLineSplitter(): LineSplitter {
  let rest: Buffer[] = [];
  let restBytes = 0;

  function keep(bytes: Buffer): void {
    const room = LINE_BYTES - restBytes;
    if (room <= 0 || bytes.length === 0) return;
    rest.push(Buffer.from(bytes.subarray(0, room)));
    restBytes += Math.min(room, bytes.length);
    // A child that writes byte by byte must not leave a list of thousands of buffers.
    if (rest.length > 64) rest = [Buffer.concat(rest)];
  }

  return {
    push(bytes) {
      const last = bytes.lastIndexOf(NEWLINE);
      if (last === -1) {
        dropRedraws(bytes);
        return [];
      }
      const first = bytes.indexOf(NEWLINE);
      keep(bytes.subarray(0, first));
      const head = Buffer.concat(rest).toString('utf8');
      rest = [];
      restBytes = 0;
      const lines = [visible(head)];
      if (last > first)
        for (const line of bytes.toString('utf8', first + 1, last).split('\n')) lines.push(visible(line));
      keep(bytes.subarray(last + 1));
      return lines;
    },
  };

  // Without this a spinner would fill the buffer of a line with what has been drawn over.
  function dropRedraws(bytes: Buffer): void {
    const back = bytes.lastIndexOf(13);
    if (back <= 0 || back === bytes.length - 1) return keep(bytes);
    rest = [];
    restBytes = 0;
    keep(bytes.subarray(back + 1));
  }
}

function visible(line: string): string {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line;
  const shown = whole.slice(whole.lastIndexOf('\r') + 1);
  return shown.length > LINE_BYTES ? shown.slice(0, LINE_BYTES) : shown;
}

/** Gives the child's output to the probes that listen. */
export interface OutputFeed {
  /** Bytes of the child; the buffer may be reused after the call. */
  hear(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /** Gives what waits, and from now on at once what comes. */
  flush(): void;
}

/** Lines are given together at most this often: each giving may cost a third of a millisecond, whatever there is to match. */
const GIVE_EVERY_MS = 50;
/** But no more than this many wait. */
const MOST_LINES = 2000;

/** More at once is output, whatever it draws. */
const MOST_DRAWN_BYTES = 16_384;
const CURSOR_BYTES = [13, 27, 8];

/** Whether these bytes are more than a redraw. Those of a program that only writes lines are not even decoded. */
function isOutput(bytes: Buffer, filter: RedrawFilter): boolean {
  if (bytes.length > MOST_DRAWN_BYTES) return true;
  if (!filter.isDrawing() && !CURSOR_BYTES.some(byte => bytes.includes(byte))) return true;
  return filter.isOutput(bytes.toString('utf8'));
}

/** Lines are cut, and redraws told from output, only if a probe listens. */
export function createOutputFeed(probes: readonly Probe[], now: () => Mono): OutputFeed {
  const toBytes = probes.filter(probe => probe.hearOutput !== undefined);
  const toLines = probes.filter(probe => probe.hearLines !== undefined);
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
  const redraws = { stdout: createRedrawFilter(), stderr: createRedrawFilter() };
  let waiting: string[] = [];
  let timer: NodeJS.Timeout | null = null;
  let gaveAt = Number.NEGATIVE_INFINITY;
  let giveEveryMs = GIVE_EVERY_MS;

  function give(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting.length === 0) return;
    const lines = waiting;
    waiting = [];
    const at = now();
    gaveAt = at;
    for (const probe of toLines) probe.hearLines?.(lines, at);
  }

  return {
    hear(stream, bytes) {
      const at = now();
      if (toBytes.length > 0 && isOutput(bytes, redraws[stream])) for (const probe of toBytes) probe.hearOutput?.(at);
      if (toLines.length === 0) return;
      for (const line of splitters[stream].push(bytes)) waiting.push(line);
      if (waiting.length === 0) return;
      if (at - gaveAt >= giveEveryMs || waiting.length >= MOST_LINES) give();
      else timer ??= setTimeout(give, giveEveryMs);
    },
    flush() {
      giveEveryMs = 0;
      give();
    },
  };
}

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
