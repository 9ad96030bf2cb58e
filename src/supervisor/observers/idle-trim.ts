import type { Observer } from './observer.ts';

/** After this time without a start and without much output, the memory that a start or a burst needed is given back. */
const SETTLE_MS = 3000;
/** What makes a burst: this many starts, or this much output. */
const MANY_STARTS = 20;
const MANY_BYTES = 32 * 1024 * 1024;
/** More output than this between two looks: the burst goes on. */
const BUSY_BYTES = 1024 * 1024;

/** Has memory given back once the first start has settled, and after each burst. A watcher that idles runs no timer for it. */
export function createIdleTrim(trim: () => void | Promise<void>): Observer {
  // The first start always counts.
  let starts = MANY_STARTS - 1;
  let run = 0;
  let bytes = 0;
  let seen = { run: 0, bytes: 0 };
  let timer: NodeJS.Timeout | null = null;

  function arm(): void {
    if (timer !== null || (starts < MANY_STARTS && bytes < MANY_BYTES)) return;
    seen = { run, bytes };
    timer = setTimeout(look, SETTLE_MS).unref();
  }

  function look(): void {
    timer = null;
    if (run !== seen.run || bytes - seen.bytes > BUSY_BYTES) return arm();
    [starts, bytes] = [0, 0];
    void trim();
  }

  return {
    see(state) {
      if (state.run === run) return;
      starts += 1;
      run = state.run;
      arm();
    },
    hear(_stream, chunk) {
      bytes += chunk.length;
      if (bytes >= MANY_BYTES) arm();
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
