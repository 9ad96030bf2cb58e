/** Numbers in a program's lines, for `--budget`: by their own names, and what agents print under one of our names. */

import { lookUp, parseMetrics, readable } from './kill-when/values.ts';
import { createLineMatcher } from './line-matcher.ts';

/** A number that a line states; `added`: it is this step's share of the number, not the run's total. */
export interface Stated {
  value: number;
  added: number;
}

/** Names that agents' own words stand for. */
const COST_NAMES = ['total_cost_usd', 'cost_usd', 'costUsd', 'cost'];
/** "Tokens: 9.1k sent, 210 received. Cost: $0.03 message, $0.12 session." */
const SPOKEN_COST = /\bcost: \$(\d+(?:\.\d+)?) message, \$(\d+(?:\.\d+)?) session/i;
const PAIR_CHARS = 4096;

/**
 * What a line says of this number: the field of a JSON line by its dotted name, a `name=value` pair, or a named group of the pattern. `cost` and
 * `tokens` also read what agents print: `total_cost_usd`, `usage`, a cost in words.
 */
export function statedIn(line: string, name: string, pattern: RegExp | null): Stated | null {
  if (pattern !== null) return same(groupIn(line, name, pattern));
  if (line.trimStart().startsWith('{')) {
    const document = parseMetrics(line);
    if (typeof document !== 'string') return same(fieldIn(document, name));
  }
  const spoken = name === 'cost' ? SPOKEN_COST.exec(line) : null;
  if (spoken !== null) return { value: Number(spoken[2]), added: Number(spoken[1]) };
  return same(pairIn(line.slice(0, PAIR_CHARS), name));
}

function same(value: number | null): Stated | null {
  return value === null ? null : { value, added: value };
}

function fieldIn(document: Exclude<ReturnType<typeof parseMetrics>, string>, name: string): number | null {
  const own = numberOf(lookUp(document, name));
  if (own !== null) return own;
  if (name === 'cost')
    return COST_NAMES.map(known => numberOf(lookUp(document, known))).find(value => value !== null) ?? null;
  if (name !== 'tokens') return null;
  const [input, output] = ['usage.input_tokens', 'usage.output_tokens'].map(known => numberOf(lookUp(document, known)));
  return input == null && output == null ? null : (input ?? 0) + (output ?? 0);
}

function pairIn(line: string, name: string): number | null {
  const escaped = name.replace(/[.\\^$*+?()[\]{}|]/g, '\\$&');
  const found = new RegExp(`(?:^|[\\s,;{|])${escaped}\\s*=\\s*"?([^\\s,;|}"]+)`).exec(line);
  return found === null ? null : numberOf(readable(found[1]));
}

function groupIn(line: string, name: string, pattern: RegExp): number | null {
  let value: number | null = null;
  createLineMatcher(pattern).scan([line], match => {
    value = numberOf(readable(match.groups?.[name]));
    return false;
  });
  return value;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
