/** Chance that can be replayed: the same seed gives the same draws on every machine. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  chance(probability: number): boolean;
  /** A whole number, both ends included. */
  between(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  /** The time to the next of things that happen at random, this long apart in the mean. */
  gap(mean: number): number;
}

/** Mulberry32: 32 bits of state are plenty for one simulated world. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
  return {
    next,
    chance: probability => next() < probability,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: list => list[Math.floor(next() * list.length)] as never,
    gap: mean => Math.max(1, Math.round(-Math.log(1 - next()) * mean)),
  };
}

/** Draws from a list in which some come more often than others. */
export function weighted<T>(list: readonly T[], weightOf: (item: T) => number, random: Random): T {
  let left = random.next() * list.reduce((sum, item) => sum + weightOf(item), 0);
  for (const item of list) {
    left -= weightOf(item);
    if (left < 0) return item;
  }
  return list[0] as T;
}
