import type { Mono } from '../core/units.ts';

/** Bytes that wait, copied into blocks that are used again: a stalled reader leaves no garbage behind. */
export interface BlockQueue {
  readonly bytes: number;
  push(bytes: Uint8Array): void;
  /** The oldest bytes, up to a block of them, which stay as they are until taken; null if there are none. */
  head(): Buffer | null;
  /** These many of the oldest bytes have left. */
  take(bytes: number): void;
  clear(): void;
}

interface Block {
  store: Buffer;
  from: number;
  to: number;
}

const BLOCK_BYTES = 65_536;
/**
 * Blocks kept for the next time: as many as a stream may fill. A child faster than its reader fills and empties the queue
 * hundreds of times a second, and what was given back each time would be garbage until V8 collects all of it, gigabytes later.
 */
const SPARE_BLOCKS = 16;

/** An empty queue. It holds no memory until it is first used. */
export function createBlockQueue(): BlockQueue {
  const blocks: Block[] = [];
  const spare: Buffer[] = [];
  let total = 0;

  function tailWithRoom(): Block {
    const tail = blocks.at(-1);
    if (tail !== undefined && tail.to < BLOCK_BYTES) return tail;
    const block = { store: spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES), from: 0, to: 0 };
    blocks.push(block);
    return block;
  }

  function drop(block: Block): void {
    if (spare.length < SPARE_BLOCKS) spare.push(block.store);
  }

  return {
    get bytes() {
      return total;
    },
    push(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const block = tailWithRoom();
        const part = bytes.subarray(at, at + BLOCK_BYTES - block.to);
        block.store.set(part, block.to);
        block.to += part.length;
        at += part.length;
      }
      total += bytes.length;
    },
    head() {
      const block = blocks[0];
      return block === undefined ? null : block.store.subarray(block.from, block.to);
    },
    take(bytes) {
      total -= bytes;
      for (let left = bytes; left > 0; ) {
        const block = blocks[0];
        if (block === undefined) break;
        const part = Math.min(left, block.to - block.from);
        block.from += part;
        left -= part;
        if (block.from === block.to) {
          blocks.shift();
          drop(block);
        }
      }
    },
    clear() {
      for (const block of blocks.splice(0)) drop(block);
      total = 0;
    },
  };
}

/** Listeners of one kind of news without content. */
export interface Progress {
  fire(): void;
  /** Returns how to stop listening. */
  listen(listener: () => void): () => void;
}

/** Nobody listens yet. */
export function createProgress(): Progress {
  const listeners = new Set<() => void>();
  return {
    fire() {
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

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
