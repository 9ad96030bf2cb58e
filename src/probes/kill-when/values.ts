import { fieldsOf, isRecord } from '../../core/shape.ts';

/** Metrics as they are compared: numbers, texts, truth values, lists and maps of them. Null stands for what is there and has no value. */
export type Metrics = Readonly<Record<string, unknown>>;

const DEEPEST = 8;
const noValue = /^\s*(?:nan|null|none|[-+]?inf(?:inity)?)?\s*$/i;
const money = /^\s*([-+]?)\s*[$€]?\s*([-+]?)\s*((?:\d{1,3}(?:,\d{3})+|[\d_]+)?(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*[$€]?\s*$/;

/** A number with separators of thousands as it stands in a line of pairs, for a regular expression: `$1,234.50`. */
export const GROUPED = String.raw`[-+]?[$€]?[-+]?\d{1,3}(?:,\d{3})+(?![\w,])(?:\.\d+)?`;

/** `"12.50"`, `"$12.50"`, `"-$1,234.5"` and `"20 €"` as the number they are; null for any other text. */
export function numberOf(text: string): number | null {
  const match = money.exec(text);
  if (match === null || !/\d/.test(match[3]!)) return null;
  const value = Number(match[3]!.replace(/[,_]/g, ''));
  if (!Number.isFinite(value)) return null;
  return match[1] === '-' || match[2] === '-' ? -value : value;
}

/** `true` and Python's `False` as the truth value they are; null for any other text. */
function truthOf(text: string): boolean | null {
  const word = text.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : null;
}

/** A value of a JSON document as it is compared; null for what has no value to compare: null, NaN, infinite, or nested too deep. */
export function readable(value: unknown, depth = 0): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string') return noValue.test(value) ? null : (numberOf(value) ?? truthOf(value) ?? value);
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return null;
  if (Array.isArray(value)) return value.map(item => readable(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, readable(item, depth + 1)]));
}

/**
 * A JSON object of metrics, or why it is none. Python writes NaN and Infinity into JSON, which is none then: they count as null, so
 * that the other numbers are still seen.
 */
export function parseMetrics(text: string): Metrics | string {
  for (const attempt of [text, withoutNaN]) {
    try {
      const value: unknown = JSON.parse(typeof attempt === 'string' ? attempt : attempt(text));
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not a JSON object';
      return readable(value) as Metrics;
    } catch {
      // Tried once more without NaN; then it is none.
    }
  }
  return 'is not JSON';
}

function withoutNaN(text: string): string {
  return text.replace(/"(?:\\.|[^"\\])*"|-?\b(?:NaN|Infinity)\b/g, match => (match.startsWith('"') ? match : 'null'));
}

/** The value under a dotted name; undefined if there is no such name. A key that has dots itself is found too. */
export function lookUp(metrics: Metrics, name: string): unknown {
  if (Object.hasOwn(metrics, name)) return metrics[name];
  let value: unknown = metrics;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** All dotted names of a document, for "the nearest is". */
export function namesIn(metrics: Metrics, prefix = ''): string[] {
  return Object.entries(metrics).flatMap(([name, value]) => {
    return isRecord(value) ? namesIn(value, `${prefix}${name}.`) : [`${prefix}${name}`];
  });
}

/** Sets a dotted name in a nested map. A name that would reach into a prototype is passed over. */
export function setName(metrics: Record<string, unknown>, name: string, value: unknown): void {
  const parts = name.split('.');
  if (parts.some(part => part === '__proto__' || part === 'constructor' || part === 'prototype')) return;
  let map = metrics;
  for (const part of parts.slice(0, -1)) {
    const next = { ...fieldsOf(map[part]) };
    map[part] = next;
    map = next;
  }
  map[parts.at(-1)!] = value;
}
