import { expect, test } from 'vitest';
import { commandNames, commandRow } from '../../src/cli/arguments/commands.ts';
import { optionNames } from '../../src/cli/options/index.ts';
import { defaultText, helpText, wrapped } from '../../src/cli/render/help.ts';

test('the short help fits a screen and names only what is built', () => {
  const text = helpText('usual');
  const lines = text.split('\n');
  expect(lines.length).toBeLessThanOrEqual(48);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(90);
  expect(text).toContain('--help all');
});

test('--help all has every option with its default, and every command', () => {
  const lines = helpText('all').split('\n');
  const text = lines.map(line => line.trim()).join(' ');
  for (const name of optionNames) {
    const start = lines.findIndex(
      line => line.startsWith(`  --${name} `) || line.endsWith(`--${name}`) || line.includes(`, --${name} `),
    );
    expect(start, `--${name}`).toBeGreaterThan(0);
    const end = lines.findIndex((line, index) => index > start && !line.startsWith('   '));
    const entry = lines
      .slice(start, end)
      .map(line => line.trim())
      .join(' ');
    if (defaultText(name) !== null) expect(entry).toContain(`default: ${defaultText(name)}`);
  }
  for (const name of commandNames) expect(text).toContain(`agent-watch ${commandRow(name).usage}`);
});

test.each(commandNames)('--help %s shows how it is used and ends with a line feed', name => {
  const text = helpText(name);
  expect(text).toContain(commandRow(name).usage);
  expect(text.endsWith('\n')).toBe(true);
});

test('texts are wrapped between words', () => {
  expect(wrapped('aa bb cc', 5)).toEqual(['aa bb', 'cc']);
  expect(wrapped('a-very-long-word b', 5)).toEqual(['a-very-long-word', 'b']);
});
