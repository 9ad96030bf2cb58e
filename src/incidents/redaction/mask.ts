/** Reports a secret: where it begins, where it ends (exclusive), and the kind that its mask names. */
export type Report = (start: number, end: number, kind: string) => void;

/** Finds the secrets of one family in a text. It sees the text as it was: what another finder reported hides nothing from it. */
export type Finder = (text: string, report: Report) => void;

interface Span {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
  /** Of two that overlap, the finder that comes first in the list names the mask. */
  readonly rank: number;
}

/** Finds what only the ends of other finds give away: the rest of a value on the next line. */
export type Follower = (text: string, ends: readonly number[], report: Report) => void;

/** A form by which a secret is known. */
export interface SecretFormat {
  /** Shown in the mask. */
  readonly kind: string;
  /** Each such secret begins with one of these, or, where it cannot be known by its beginning, has one in it. */
  readonly hints: readonly string[];
  /** Sticky where the hints are beginnings, else global. The group `before`, if there is one, is kept. */
  readonly pattern: RegExp;
  /** Whether what was found is one, where the pattern alone cannot tell. */
  readonly accept?: (secret: string) => boolean;
}

type Accept = (secret: string) => boolean;
const row = (kind: string, hints: string, pattern: RegExp, accept?: Accept): SecretFormat => ({
  kind,
  hints: hints.split(' '),
  pattern,
  ...(accept === undefined ? {} : { accept }),
});
export const format = (kind: string, prefixes: string, pattern: string, accept?: Accept): SecretFormat =>
  row(kind, prefixes, new RegExp(pattern, 'y'), accept);
/** One that a middle part gives away, so that the whole text has to be searched. */
export const within = (kind: string, parts: string, pattern: string, accept?: Accept): SecretFormat =>
  row(kind, parts, new RegExp(pattern, 'g'), accept);

/** What finds the first of many words, in one pass over the text: a loop over its characters takes ten times as long. */
export const anyOf = (words: Iterable<string>): RegExp =>
  new RegExp(
    [...words]
      .toSorted()
      .reverse()
      .map(word => word.replace(/[^\w]/g, '\\$&'))
      .join('|') || '(?!)',
    'g',
  );

const masks = /\[redacted [a-z0-9-]{1,40}\]/g;

/** What stands where a secret stood. A second pass leaves it alone. */
export const maskOf = (kind: string): string => `[redacted ${kind}]`;

/** A text without its secrets, and the secrets as they stood in it. */
export interface Masked {
  readonly text: string;
  readonly secrets: readonly string[];
}

/**
 * The text with everything that the finders report replaced by a mask. All of them read the original: replacing one after the
 * other would let a mask take away what the next one goes by (a scheme, a quote, a user name). They read it a second time with
 * its escapes undone: a log within JSON, or a form within an address, hides nothing.
 */
export const maskSecrets = (text: string, finders: readonly Finder[], follower: Follower): Masked => {
  const spans = spansOf(text, finders, follower);
  const view = unescaped(text);
  if (view !== null)
    for (const span of spansOf(view.text, finders, follower)) {
      const [start, end] = view.origin(span.start, span.end);
      spans.push({ ...span, start, end });
    }
  if (spans.length === 0) return { text, secrets: [] };
  const parts: string[] = [];
  const secrets: string[] = [];
  let at = 0;
  for (const { start, end, kind } of merge(aroundMasks(text, spans))) {
    parts.push(text.slice(at, start), maskOf(kind));
    secrets.push(text.slice(start, end));
    at = end;
  }
  parts.push(text.slice(at));
  return { text: parts.join(''), secrets };
};

const spansOf = (text: string, finders: readonly Finder[], follower: Follower): Span[] => {
  const spans: Span[] = [];
  finders.forEach((find, rank) => {
    find(text, (start, end, kind) => {
      if (end > start) spans.push({ start, end, kind, rank });
    });
  });
  const ends = spans.map(({ end }) => end).filter(end => /[\n\\"'`]/.test(text[end] ?? ''));
  follower(text, ends, (start, end, kind) => void spans.push({ start, end, kind, rank: finders.length }));
  return spans;
};

const merge = (spans: Span[]): Span[] => {
  spans.sort((one, other) => one.start - other.start || one.rank - other.rank);
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last === undefined || span.start > last.end) {
      merged.push(span);
      continue;
    }
    const named = span.start < last.end && span.rank < last.rank ? span : last;
    merged[merged.length - 1] = { ...named, start: last.start, end: Math.max(last.end, span.end) };
  }
  return merged;
};

/** Cuts the masks of an earlier pass out of the spans. A rest without a letter or digit is punctuation between two masks. */
const aroundMasks = (text: string, spans: Span[]): Span[] => {
  if (!text.includes('[redacted ')) return spans;
  const old = [...text.matchAll(masks)].map(found => ({ start: found.index, end: found.index + found[0].length }));
  const result: Span[] = [];
  spans.sort((one, other) => one.start - other.start);
  let first = 0;
  for (const span of spans) {
    while (first < old.length && (old[first]?.end ?? 0) <= span.start) first += 1;
    let { start } = span;
    for (let index = first; index < old.length && (old[index]?.start ?? 0) < span.end; index += 1) {
      const { start: maskStart, end: maskEnd } = old[index] ?? { start, end: start };
      if (maskStart > start) result.push({ ...span, start, end: maskStart });
      start = Math.max(start, maskEnd);
    }
    if (start < span.end) result.push({ ...span, start });
  }
  return result.filter(({ start, end }) => /[\p{L}\p{N}]/u.test(text.slice(start, end)));
};

/** Another reading of a text, and where each piece of it stands in the original. */
interface View {
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
const unescaped = (text: string): View | null =>
  text.includes('\\') || text.includes('%') || text.includes('&')
    ? viewOf(text, escapes, ([whole, quote, letter, unicode, byte, percent, entity]) => {
        if (whole.endsWith('\n')) return '\n\n';
        if (quote !== undefined) return quote;
        if (letter !== undefined) return letters[letter] ?? '';
        if (entity !== undefined) return entities[entity] ?? (entity === '#34' ? '"' : "'");
        return String.fromCharCode(Number.parseInt(unicode ?? byte ?? percent ?? '20', 16));
      })
    : null;
