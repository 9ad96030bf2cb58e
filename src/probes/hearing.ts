import type { Mono } from '../core/time.ts';
import { createLineSplitter } from './line-splitter.ts';
import type { Probe } from './probe.ts';

/** Gives the child's output to the probes that listen. */
export interface Hearing {
  /** Bytes of the child; the buffer may be reused after the call. */
  hear(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /** Gives what waits, and from now on at once what comes. */
  flush(): void;
}

/** Lines are given together at most this often: each giving may cost a third of a millisecond, whatever there is to match. */
const GIVE_EVERY_MS = 50;
/** But no more than this many wait. */
const MOST_LINES = 2000;

/** Lines are cut only if somebody listens to lines. */
export function createHearing(probes: readonly Probe[], now: () => Mono): Hearing {
  const toBytes = probes.filter(probe => probe.hearBytes !== undefined);
  const toLines = probes.filter(probe => probe.hearLines !== undefined);
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
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
      for (const probe of toBytes) probe.hearBytes?.(at);
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
