/**
 * The candidate that was most likely meant, for "did you mean": by edit distance with swapped neighbours as one edit.
 * One that contains the other whole (`--stale` in `--stale-after`) counts as two edits, so that a shortened or a
 * lengthened name finds its own rather than a short stranger. `candidates` must not be empty.
 */
export function nearest<T extends string>(word: string, candidates: readonly T[]): T {
  const typed = word.slice(0, 64).toLowerCase();
  let best = candidates[0]!;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const cost = likeness(typed, candidate.toLowerCase());
    if (cost < bestCost) [best, bestCost] = [candidate, cost];
  }
  return best;
}

/** How many edits lie between two words; small means alike. */
export function likeness(typed: string, candidate: string): number {
  const edits = editDistance(typed, candidate);
  const short = Math.min(typed.length, candidate.length);
  if (short < 3 || !(typed.includes(candidate) || candidate.includes(typed))) return edits;
  return Math.min(edits, 2 + Math.abs(typed.length - candidate.length) / 100);
}

/** Optimal string alignment: insertions, deletions, substitutions, and swaps of two neighbours. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, substitution);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, rows[i - 2]![j - 2]! + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
