/** `WHEN => COMMAND`: a command of the user's for a kind of failure. A word is a category or a probe's name. */
export interface Remedy {
  readonly when:
    | { readonly kind: 'word'; readonly word: string }
    | { readonly kind: 'key-line'; readonly pattern: RegExp };
  readonly command: string;
}

/** What an incident offers for a match. */
export interface RemedyCase {
  readonly category: string;
  /** Names of the probes that failed. */
  readonly probes: readonly string[];
  readonly keyLine: string;
}

/** A key line may be long, and a pattern slow. */
const KEY_LINE_CHARS = 400;

/**
 * The first remedy that fits, or null. A probe's name fits whole, or as its part before the colon: `http` is the remedy of
 * `http:http://127.0.0.1/`.
 */
export function remedyFor(remedies: readonly Remedy[], found: RemedyCase): Remedy | null {
  const keyLine = found.keyLine.slice(0, KEY_LINE_CHARS);
  const words = new Set([found.category, ...found.probes.flatMap(name => [name, name.replace(/:.*$/s, '')])]);
  const fits = ({ when }: Remedy) =>
    when.kind === 'word' ? words.has(when.word) : keyLine.search(when.pattern) !== -1;
  return remedies.find(fits) ?? null;
}
