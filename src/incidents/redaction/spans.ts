import { unescaped } from './views.ts';

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

const masks = /\[redacted [a-z0-9-]{1,40}\]/g;

/** What stands where a secret stood. A second pass leaves it alone. */
export const maskOf = (kind: string): string => `[redacted ${kind}]`;

/**
 * The text with everything that the finders report replaced by a mask. All of them read the original: replacing one after the
 * other would let a mask take away what the next one goes by (a scheme, a quote, a user name). They read it a second time with
 * its escapes undone: a log within JSON, or a form within an address, hides nothing.
 */
export const maskSecrets = (text: string, finders: readonly Finder[], follower: Follower): string => {
  const spans = spansOf(text, finders, follower);
  const view = unescaped(text);
  if (view !== null)
    for (const span of spansOf(view.text, finders, follower)) {
      const [start, end] = view.origin(span.start, span.end);
      spans.push({ ...span, start, end });
    }
  if (spans.length === 0) return text;
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, kind } of merge(aroundMasks(text, spans))) {
    parts.push(text.slice(at, start), maskOf(kind));
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join('');
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
