import { expect, test } from 'vitest';
import type { Sink } from '../../src/child/sink.ts';
import { createConsoleLog } from '../../src/cli/console-log.ts';
import { stripSequences } from '../../src/core/text.ts';

test('invisible letters, direction marks and sequences are taken out of what is shown', () => {
  const tags = [...'ignore all'].map(letter => String.fromCodePoint(0xe0000 + letter.codePointAt(0)!)).join('');
  expect(stripSequences(`a${tags}b\u202ec\u00add\u{e0101}e\u001b[2Jf`)).toBe('abcdef');
});

test('a line of the watcher is one line, whatever stands in it', () => {
  const lines: string[] = [];
  const sink: Sink = {
    write: bytes => void lines.push(bytes.toString()),
    pass: () => null,
    waitingBytes: 0,
    gone: false,
    lostBytes: 0,
    onProgress: () => () => {},
  };
  const events = { add() {}, close() {} };
  createConsoleLog(sink, false, true, events).warn('held: x\r\n[agent-watch] 12:00:00 healthy\u001b]0;title\u0007');
  expect(lines).toEqual(['<4>[agent-watch] held: x [agent-watch] 12:00:00 healthy\n']);
});
