import { looksDrawn, looksRandom } from './secret-values.ts';

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

/**
 * Where a short prefix may begin: not inside a word, but behind an escape (`\n`, `%3D`, `\u0026`), whose letters are none of the
 * text's. Long prefixes need no such edge: whatever letter stands before `github_pat_`, a token follows.
 */
export const edge = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[nrtbfv])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9a-fA-F]{2})|(?<=\\x[0-9a-fA-F]{2}))`;
export const mixed = (secret: string): boolean => /\d/.test(secret) && /[a-z]/i.test(secret);
export const drawnTail = (secret: string): boolean => {
  const tail = secret.replace(/^[A-Za-z]{1,10}[-_.]/, '');
  return (
    looksRandom(tail) || tail.split(/[-_]/).some(part => part.length >= 12 && (looksDrawn(part) || looksRandom(part)))
  );
};

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
