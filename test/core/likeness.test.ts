import { describe, expect, test } from 'vitest';
import { likenessOf, sketchOf } from '../../src/core/run-record.ts';

const sketch = (text: string) => sketchOf(Buffer.from(text));
const words = (from: number, count: number) =>
  Array.from(
    { length: count },
    (_, at) =>
      `w${String.fromCharCode(97 + ((from + at) % 26))}${((from + at) * 2654435761).toString(36).replace(/\d/g, '')}`,
  );

describe('the likeness of two outputs', () => {
  test('is 1 for the same text, though its numbers and times differ', () => {
    const text = (at: string, count: number) =>
      `${at} checked ${count} mails, nothing to do\n${at} done in ${count} ms`;
    expect(likenessOf(sketch(text('09:15:01', 3)), sketch(text('23:00:59', 4711)))).toBe(1);
  });

  test('is near 0 for texts that have nothing in common', () => {
    expect(likenessOf(sketch(words(0, 200).join(' ')), sketch(words(5000, 200).join(' ')))).toBeLessThan(0.1);
  });

  test('is about the share that is in both', () => {
    const half = [...words(0, 300), ...words(9000, 300)].join(' ');
    const other = [...words(0, 300), ...words(70_000, 300)].join(' ');
    expect(likenessOf(sketch(half), sketch(other))).toBeGreaterThan(0.1);
    expect(likenessOf(sketch(half), sketch(other))).toBeLessThan(0.6);
  });

  test('is not known without words, or of a sketch of another form', () => {
    expect(sketch(' \n\t')).toBeNull();
    expect(likenessOf(sketch('a b c'), null)).toBeNull();
    expect(likenessOf(sketch('a b c'), 'abc')).toBeNull();
  });
});
