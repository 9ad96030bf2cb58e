import { describe, expect, test } from 'vitest';
import { createRedrawFilter } from '../../src/core/repeats.ts';

/** Which of these pieces hold output. */
function outputs(...pieces: string[]): boolean[] {
  const filter = createRedrawFilter();
  return pieces.map(piece => filter.isOutput(piece));
}

const yes = true;
const no = false;

describe('what is output', () => {
  test.each<[string, string[], boolean[]]>([
    ['lines, though they differ only in their numbers', ['step 1\n', 'step 2\n', 'step 2\n'], [yes, yes, yes]],
    ['lines with Windows line ends', ['step 1\r\n', 'step 1\r\n'], [yes, yes]],
    ['coloured lines', ['\x1b[32mok 1\x1b[0m\n', '\x1b[32mok 2\x1b[0m\n'], [yes, yes]],
    ['dots without a line end', ['.', '.', '.'], [yes, yes, yes]],
    ['an empty line', ['\n'], [yes]],
    ['a percentage that moves', ['\rcopying  3%', '\rcopying  4%', '\rcopying  4%'], [yes, yes, no]],
    ['another text drawn over the old one', ['\rConnecting…', '\rLogging in…', '\rConnecting…'], [yes, yes, no]],
    ['a line behind a spinner', ['\r⠋ wait', '\r⠙ wait', '\r\x1b[2Kdone: 3 files\n', 'next\n'], [yes, no, yes, yes]],
  ])('%s', (_name, pieces, expected) => expect(outputs(...pieces)).toEqual(expected));
});

describe('what is no output', () => {
  test.each<[string, string[], boolean[]]>([
    ['a bare spinner', ['\r|', '\r/', '\r-', '\r\\', '\b|'], [no, no, no, no, no]],
    ['a spinner with a text', ['\r⠋ Thinking', '\r⠙ Thinking', '\r⠹ Thinking'], [yes, no, no]],
    ['a clock that counts', ['Reconnecting… 1s\r', 'Reconnecting… 2s\r', 'Reconnecting… 35s\r'], [yes, no, no]],
    [
      'a frame that is erased and written again',
      [
        '\x1b[2K\x1b[1A\x1b[2K\x1b[G✶ Waiting for network (3s)\n  esc to stop\n',
        '\x1b[2K\x1b[1A\x1b[2K\x1b[G✻ Waiting for network (4s)\n  esc to stop\n',
      ],
      [yes, no],
    ],
    ['text that comes after the sequence', ['\r\x1b[K', '⠋ wait 1', '\r\x1b[K', '⠙ wait 2'], [no, yes, no, no]],
    ['a window title', ['\x1b]0;⠂ agent\x07', '\x1b]0;⠐ agent\x07'], [no, no]],
    ['a cursor that is hidden and shown', ['\x1b[?25l', '\x1b[?25h'], [no, no]],
  ])('%s', (_name, pieces, expected) => expect(outputs(...pieces)).toEqual(expected));

  test('a screen of many lines that is drawn again and again', () => {
    const frame = (second: number) =>
      `\x1b[H${Array.from({ length: 50 }, (_, line) => `row ${'x'.repeat(line)} ${second}`).join('\r\n')}`;
    expect(outputs(frame(1), frame(2), frame(3))).toEqual([yes, no, no]);
  });
});
