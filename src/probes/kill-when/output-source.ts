import type { Mono } from '../../core/time.ts';
import { createLineMatcher } from '../output-feed.ts';
import type { MetricsSource } from './source.ts';
import { lookUp, parseMetrics, readable, setName } from './values.ts';

const pair = /([A-Za-z_][\w.]*)\s*=\s*("(?:\\.|[^"\\])*"|[^\s,;|}\])]+)/g;
/** Pairs stand at the beginning of a line; what is behind is text. */
const PAIR_CHARS = 4096;

/**
 * The child's lines: JSON objects and `key=value` pairs, or the named groups of a pattern. Only names that are needed are kept, each
 * with the time of its own: a number that is no longer written grows old though others are.
 */
export function outputSource(
  pattern: RegExp | null,
  needed: readonly string[],
  maxAgeMs: number,
  now: () => Mono,
): MetricsSource {
  const found = new Map<string, { value: unknown; at: Mono }>();
  const keep = (name: string, value: unknown, at: Mono) => {
    // A null is news too: it takes back the number before it.
    if (value === null) found.delete(name);
    else found.set(name, { value, at });
  };
  const take = pattern === null ? fromDocumentOrPairs(needed, keep) : fromGroups(pattern, needed, keep);
  return {
    label: 'the output',
    from: 'child',
    hearLines: take,
    async read() {
      const at = now();
      const values: Record<string, unknown> = {};
      for (const [name, known] of found) if (at - known.at <= maxAgeMs) setName(values, name, known.value);
      return { values, at };
    },
  };
}

type Keep = (name: string, value: unknown, at: Mono) => void;
type Take = (lines: readonly string[], at: Mono) => void;

function fromDocumentOrPairs(needed: readonly string[], keep: Keep): Take {
  return (lines, at) => {
    for (const line of lines) {
      const document = line.trimStart().startsWith('{') ? parseMetrics(line) : 'is no JSON';
      if (typeof document === 'string') fromPairs(line, needed, keep, at);
      else
        for (const name of needed) {
          const value = lookUp(document, name);
          // A name that is not in this line keeps what it had.
          if (value !== undefined) keep(name, value, at);
        }
    }
  };
}

function fromPairs(line: string, needed: readonly string[], keep: Keep, at: Mono): void {
  for (const [, name, text] of line.slice(0, PAIR_CHARS).matchAll(pair))
    if (needed.includes(name!)) keep(name!, readable(unquoted(text!)), at);
}

function fromGroups(pattern: RegExp, needed: readonly string[], keep: Keep): Take {
  const matcher = createLineMatcher(pattern);
  return (lines, at) =>
    matcher.scan(lines, match => {
      for (const [name, text] of Object.entries(match.groups ?? {}))
        if (needed.includes(name) && text !== undefined) keep(name, readable(text), at);
      return true;
    });
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1) : text;
}
