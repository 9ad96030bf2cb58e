/** Another reading of a text, and where each piece of it stands in the original. */
export interface View {
  readonly text: string;
  /** The original's place of a part of this text. */
  readonly origin: (start: number, end: number) => readonly [start: number, end: number];
  /** Whether something was replaced inside this part of the text. */
  readonly crosses: (start: number, end: number) => boolean;
}

/** The text with each match replaced; null if there is none. */
const viewOf = (text: string, pattern: RegExp, replace: (found: RegExpExecArray) => string): View | null => {
  const parts: string[] = [];
  // Of each replacement: where it begins and ends in the view, and where it ended in the original.
  const starts: number[] = [];
  const ends: number[] = [];
  const originalStarts: number[] = [];
  const originalEnds: number[] = [];
  let at = 0;
  let length = 0;
  for (const found of text.matchAll(pattern)) {
    const shown = replace(found);
    parts.push(text.slice(at, found.index), shown);
    length += found.index - at;
    starts.push(length);
    length += shown.length;
    ends.push(length);
    at = found.index + found[0].length;
    originalStarts.push(found.index);
    originalEnds.push(at);
  }
  if (starts.length === 0) return null;
  parts.push(text.slice(at));
  /** The last replacement that begins at or before the place; -1: none. */
  const before = (place: number): number => {
    let low = -1;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const place = (at: number, isEnd: boolean): number => {
    const index = before(isEnd ? at - 1 : at);
    if (index < 0) return at;
    const end = ends[index] ?? 0;
    if (at > end || (at === end && !isEnd)) return (originalEnds[index] ?? 0) + at - end;
    return isEnd ? (originalEnds[index] ?? 0) : (originalStarts[index] ?? 0);
  };
  return {
    text: parts.join(''),
    origin: (start, end) => [place(start, false), place(end, true)],
    crosses: (start, end) => before(end - 1) !== before(start - 1) && (starts[before(end - 1)] ?? 0) > start,
  };
};

/** A break of a line in the middle of a value: with the quotes, backslash or plus by which a language goes on in the next. */
const lineBreak = /["'`]?[ \t]*\\?\r?\n[ \t]*[+.]?[ \t]*["'`]?/g;
export const withoutBreaks = (text: string): View | null =>
  text.includes('\n') ? viewOf(text, lineBreak, () => '') : null;

// Lines without any escape are left out: they were read already.
const escapes =
  /^(?:[^\\%&\n]*\n)+|\\{1,15}(?:(["'`/])|([nrt])|u00([0-9a-fA-F]{2})|x([2-7][0-9a-fA-F]))|%(?:25){0,3}([2-7][0-9A-Fa-f]|0[AaDd9])|&(?:amp;)?(quot|apos|amp|lt|gt|#0?39|#34|#x27);/gm;
const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const entities: Readonly<Record<string, string>> = { quot: '"', apos: "'", amp: '&', lt: '<', gt: '>' };

/** The text with the escapes of JSON, addresses and HTML undone, at all depths at once; null if it has none. */
export const unescaped = (text: string): View | null =>
  text.includes('\\') || text.includes('%') || text.includes('&')
    ? viewOf(text, escapes, ([whole, quote, letter, unicode, byte, percent, entity]) => {
        if (whole.endsWith('\n')) return '\n\n';
        if (quote !== undefined) return quote;
        if (letter !== undefined) return letters[letter] ?? '';
        if (entity !== undefined) return entities[entity] ?? (entity === '#34' ? '"' : "'");
        return String.fromCharCode(Number.parseInt(unicode ?? byte ?? percent ?? '20', 16));
      })
    : null;
