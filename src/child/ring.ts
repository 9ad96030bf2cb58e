/** The last bytes of a run's output, both streams in order of arrival. */
export interface Ring {
  /** Copies the bytes in; the oldest fall out. */
  push(bytes: Uint8Array): void;
  /** The last `maxBytes` (default: all that is kept), as a copy. Lines are cut by whoever reads, not here. */
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
