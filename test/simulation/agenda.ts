/** Something that will happen; `run` is null once it was cancelled. */
export interface Entry {
  at: number;
  order: number;
  run: (() => void) | null;
}

/** Virtual time: what is to happen, in its order. A binary heap; what falls on one moment keeps the order of its planning. */
export class Agenda {
  now = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  plan(delayMs: number, run: () => void): Entry {
    const entry: Entry = { at: this.now + Math.max(0, delayMs), order: this.#order++, run };
    this.#rise(entry);
    return entry;
  }

  /** Goes to the next thing that happens before that time, and lets it happen. False if there is none. */
  step(before: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at >= before) return false;
      this.#sink();
      if (first.run === null) continue;
      this.now = first.at;
      first.run();
      return true;
    }
  }

  #rise(entry: Entry): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as Entry;
      if (isBefore(parent, entry)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = entry;
  }

  #sink(): void {
    const heap = this.#heap;
    const entry = heap.pop() as Entry;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Entry, heap[below] as Entry)) below++;
      const child = heap[below] as Entry;
      if (isBefore(entry, child)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
