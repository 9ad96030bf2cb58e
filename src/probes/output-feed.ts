import { createRedrawFilter, type RedrawFilter } from '../core/redraw.ts';
import type { Mono } from '../core/time.ts';
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
