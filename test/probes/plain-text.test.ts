import { expect, test } from 'vitest';
import { lastWords, plainLine } from '../../src/core/text.ts';

test.each([
  ['\u001b[31mred\u001b[0m', 'red'],
  ['\u001b]0;a title\u0007after', 'after'],
  ['a\tb\u0007\u0000', 'ab'],
  ['\u001bPsixel\u001b\\after', 'after'],
  ['\u009d8;;http://a\u009cafter', 'after'],
  ['exe\u202ecod', 'execod'],
])('%j is %j', (text, plain) => {
  expect(plainLine(text)).toBe(plain);
});

test('the last words are the last line that is not blank', () => {
  expect(lastWords('first\n50 %\r\u001b[2Klast\r\n\u001b[0m\n')).toBe('last');
  expect(lastWords('\n\u001b[0m\n')).toBe('');
});
