import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costUsd } from '../../src/diagnosis/budget.ts';
import { readAnswer } from '../../src/diagnosis/prompt.ts';

describe('an answer', () => {
  test.each([
    [
      '{"cause":"a","fix":"b","confidence":0.5,"transient":true}',
      'a\nCheck: b\nA restart alone is likely to help.\nConfidence: 0.5',
    ],
    ['Sure!\n```json\n{"cause": "a",}\n```\nHope it helps {:-)', 'a'],
    ['<think>{"cause":"wrong"}</think>{"cause":"right"}', 'right'],
    ['thoughts without a beginning</think>{"cause":"right"}', 'right'],
    ['{"cause":"two\nlines"}', 'two lines'],
    [
      '{"cause":["a","b"],"fix":{"first":"x"},"evidence_lines":["one","two"]}',
      'a b\nCheck: {"first":"x"}\nEvidence: one\nEvidence: two',
    ],
    ['{"cause":"a brace } and a quote \\" inside"}', 'a brace } and a quote " inside'],
    ['{"note":{"x":1}} {"cause":"a"}', 'a'],
    ['The disk is full.', 'The disk is full.'],
    ['```\nThe disk is full.\n```', 'The disk is full.'],
    ['{"cause":"cut off in the mid', '{"cause":"cut off in the mid'],
    ['{"cause":""}', '{"cause":""}'],
    ['\u001b[31mred\u001b[0m\r\nnext', '[31mred[0m\nnext'],
  ])('%j is read', (raw, text) => expect(readAnswer(raw)).toBe(text));

  test.each(['', ' \n ', '<think>and so on', '<think>x</think>', '\0\u0007'])('%j is none', raw =>
    expect(readAnswer(raw)).toBeNull(),
  );

  test('is bounded, well formed and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constantFrom('{'.repeat(5000), '{"'.repeat(5000))),
        raw => {
          const text = readAnswer(raw);
          expect((text ?? '').isWellFormed()).toBe(true);
        },
      ),
    );
    expect(readAnswer('y'.repeat(1e6))?.length).toBe(2000);
    expect(readAnswer(`{"cause":"${'y'.repeat(1e5)}"}`)?.length).toBe(2000);
  });

  test('costs what the table says, or an unknown sum', () => {
    const tokens = { input: 1e6, output: 1e6 };
    expect(costUsd('claude-haiku-4-5-20251001', tokens)).toBe(6);
    expect(costUsd('openai/gpt-4o-mini', tokens)).toBe(0.75);
    expect(costUsd('constructor', tokens)).toBeNull();
    expect(costUsd('gpt-4o-mini', null)).toBeNull();
  });
});
