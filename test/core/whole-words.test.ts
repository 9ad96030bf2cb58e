import { expect, test } from 'vitest';
import { wholeEnd, wholeStart, withoutSplitStart } from '../../src/core/text.ts';

test.each([
  ['lit\nwhole line\nlast', 'whole line\nlast'],
  ['lit whole words\n', 'whole words\n'],
  ['lit"whole"', 'whole"'],
  ['split', ''],
  ['orse battery","user":"ann","n":1}', '"user":"ann","n":1}'],
  ['word\\":\\"two words\\",\\"user\\":\\"ann\\"}', '\\"user\\":\\"ann\\"}'],
  ['', ''],
])('what begins in the middle of something, %j, is kept as %j', (text, kept) => {
  expect(withoutSplitStart(text)).toBe(kept);
});

test.each([
  ['short', 10, 'short', 'short'],
  ['one\ntwo three\nfour', 12, 'four', 'one\ntwo '],
  ['0123456789', 5, '', ''],
  ['a "b c" defghij', 8, 'defghij', 'a "b c" '],
])('of %j at most %i characters are kept, and no part of a word: %j, %j', (text, limit, end, start) => {
  expect(wholeEnd(text, limit)).toBe(end);
  expect(wholeStart(text, limit)).toBe(start);
});

test('a megabyte without a blank is cut in no time', () => {
  const text = 'x'.repeat(1 << 20);
  const before = performance.now();
  expect([wholeEnd(text, 1 << 19), wholeStart(text, 1 << 19), withoutSplitStart(text)]).toEqual(['', '', '']);
  expect(performance.now() - before).toBeLessThan(1000);
});
