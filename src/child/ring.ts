import type { Mono } from '../core/time.ts';

/** The last bytes of a run's output, both streams in order of arrival. */
export interface Ring {
  /** Copies the bytes in; the oldest fall out. */
  push(bytes: Uint8Array): void;
  /** The last `maxBytes` (default: all that is kept), as a copy. Lines are cut by the reader, not here. */
  tail(maxBytes?: number): Buffer;
  /** Bytes ever pushed since the last reset, the fallen out included. */
  readonly totalBytes: number;
  reset(): void;
}

/** A ring that keeps `ringBytes` bytes. Its memory is taken when the first output comes. */
export function createRing(ringBytes: number): Ring {
  let store: Buffer | null = null;
  let next = 0;
  let total = 0;

  function push(bytes: Uint8Array): void {
    total += bytes.length;
    if (ringBytes === 0) return;
    store ??= Buffer.allocUnsafeSlow(ringBytes);
    const kept = bytes.length > ringBytes ? bytes.subarray(bytes.length - ringBytes) : bytes;
    const room = ringBytes - next;
    if (kept.length <= room) {
      store.set(kept, next);
    } else {
      store.set(kept.subarray(0, room), next);
      store.set(kept.subarray(room), 0);
    }
    next = (next + kept.length) % ringBytes;
  }

  function tail(maxBytes = ringBytes): Buffer {
    const length = Math.min(total, ringBytes, Math.max(0, maxBytes));
    if (store === null || length === 0) return Buffer.alloc(0);
    const from = (next - length + ringBytes) % ringBytes;
    if (from + length <= ringBytes) return Buffer.from(store.subarray(from, from + length));
    return Buffer.concat([store.subarray(from), store.subarray(0, length - (ringBytes - from))]);
  }

  return {
    push,
    tail,
    get totalBytes() {
      return total;
    },
    reset() {
      next = 0;
      total = 0;
    },
  };
}

/** The output of one run in numbers. */
export interface RunOutput {
  bytes: number;
  /** An unfinished last line is one too. Null: it came faster than lines are counted. */
  lines: number | null;
  /** When the first of it came; null: nothing has come. */
  firstAt: Mono | null;
  /** When the last of it came, or the run was started. */
  lastAt: Mono;
  /** The longest time between two outputs, or before the first. */
  longestSilenceMs: number;
}

/** Lines are counted in so many bytes at first, and in so many more for each millisecond: a flood costs nothing beside its way. */
const COUNTED_BYTES = 1024 * 1024;
const COUNTED_BYTES_PER_MS = 4096;
const LINE_END = 0x0a;

/** Counts what a run writes. */
export function countRun(now: () => Mono) {
  let startedAt = now();
  let lineEnds = 0;
  let written = nothing();

  function nothing(): RunOutput {
    return { bytes: 0, lines: 0, firstAt: null, lastAt: startedAt, longestSilenceMs: 0 };
  }

  return {
    startRun(): void {
      startedAt = now();
      lineEnds = 0;
      written = nothing();
    },
    add(bytes: Buffer, at: Mono): void {
      const run = written;
      run.bytes += bytes.length;
      run.firstAt ??= at;
      if (at - run.lastAt > run.longestSilenceMs) run.longestSilenceMs = at - run.lastAt;
      run.lastAt = at;
      if (run.lines === null) return;
      if (run.bytes > COUNTED_BYTES + (at - startedAt) * COUNTED_BYTES_PER_MS) {
        run.lines = null;
        return;
      }
      for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, end + 1)) lineEnds++;
      run.lines = lineEnds + (bytes[bytes.length - 1] === LINE_END ? 0 : 1);
    },
    get written() {
      return written;
    },
  };
}
