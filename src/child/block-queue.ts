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
