import { EXIT } from '../core/signals.ts';

/**
 * What the user wrote cannot be done: an unknown option, a value that does not parse, a file that is not trusted. The
 * message is one line for people, without the program's name; nothing has been started when it is thrown.
 */
export class UsageError extends Error {
  readonly exitCode = EXIT.usage;

  constructor(message: string) {
    super(oneLine(message));
    this.name = 'UsageError';
  }
}

/**
 * What was asked for could not be done, though it was written rightly: a service that is not there, a folder that may not be
 * read, a request that was refused. One line for people.
 */
export class CommandFailed extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.notWell) {
    super(oneLine(message));
    this.name = 'CommandFailed';
    this.exitCode = exitCode;
  }
}

/** Runs `read` and puts `where` before the message of a UsageError it throws: the option's name, or file:line:column: key. */
export function at<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${where}: ${error.message}`);
    throw error;
  }
}

/** A value as it is shown in a message: in double quotes, at most 80 characters of it. */
export function quoted(text: string): string {
  return `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`;
}

/** Makes whatever a user typed safe on a terminal and one line long: control characters and line ends are spelled out. */
function oneLine(message: string): string {
  return message.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

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

/** Up to this many candidates are listed where none is alike. */
const FEW = 8;

/**
 * What an error adds about the valid words: the one that is alike, or all of them where they are few, or nothing. Begins with
 * `; `, so that it can be appended.
 */
export function didYouMean(word: string, candidates: readonly string[], show = (one: string) => one): string {
  const meant = alike(word, candidates);
  if (meant !== null) return `; did you mean ${show(meant)}?`;
  return candidates.length > 0 && candidates.length <= FEW ? `; valid: ${candidates.map(show).join(', ')}` : '';
}

/** The candidate that the word is a slip of: at most two edits and a third of its letters away, or its beginning; else null. */
export function alike<T extends string>(word: string, candidates: readonly T[]): T | null {
  if (candidates.length === 0) return null;
  const typed = word.slice(0, 64).toLowerCase();
  const meant = nearest(typed, candidates);
  const edits = editDistance(typed, meant.toLowerCase());
  const close = edits <= 2 && edits * 3 <= Math.max(typed.length, meant.length);
  return close || (typed.length >= 3 && meant.toLowerCase().startsWith(typed)) ? meant : null;
}

/** How many edits lie between two words; small means alike. */
function likeness(typed: string, candidate: string): number {
  const edits = editDistance(typed, candidate);
  const short = Math.min(typed.length, candidate.length);
  if (short < 3 || !(typed.includes(candidate) || candidate.includes(typed))) return edits;
  // Of names that are about as much longer, the first in the table is the usual one.
  return Math.min(edits, 2 + Math.floor(Math.abs(typed.length - candidate.length) / 4) / 100);
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
