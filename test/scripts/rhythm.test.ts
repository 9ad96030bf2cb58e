import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

test('the rhythm script answers each start and line with the silence that is allowed', () => {
  const lines = ['S 0', ...Array.from({ length: 500 }, (_, index) => `L ${index * 10}`), 'S 9000', 'L 9001'];
  const script = resolve(import.meta.dirname, '../../scripts/rhythm.ts');
  const output = execFileSync(process.execPath, [script], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  const answers = output.trim().split('\n');
  expect(answers).toHaveLength(lines.length);
  expect(answers[0]).toBe('inf');
  expect(answers.at(-1)).toBe('600.0');
});
