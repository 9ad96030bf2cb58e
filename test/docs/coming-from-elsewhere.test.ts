import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { commandWords } from '../../src/cli/arguments/commands.ts';
import { isOptionName } from '../../src/cli/options/index.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/coming-from-elsewhere.md'), 'utf8');

/** The cells of all rows but heads and rules; a pipe in code is escaped. */
const rows = page
  .split('\n')
  .filter(line => line.startsWith('| ') && !/^\| (?:you write|in |what happens)/.test(line))
  .map(line => line.split(/(?<!\\)\|/).map(cell => cell.trim()));

const comparisons = rows.filter(cells => cells.length === 5);

test('every table is whole', () => {
  expect(comparisons.length).toBeGreaterThan(60);
  expect(rows.filter(cells => cells.length !== 5 && cells.length !== 10)).toEqual([]);
});

test('what stands for agent-watch is what agent-watch takes', () => {
  const words: readonly string[] = commandWords;
  for (const [, , here = ''] of comparisons) {
    for (const [, option = ''] of here.matchAll(/(?<=[`\s])--([a-z][a-z-]*)/g)) {
      // Of what follows a command's own --, nothing is ours.
      if (!here.includes(`-- node bot.js --${option}`)) expect(option).toSatisfy(isOptionName);
    }
    for (const [, word = ''] of here.matchAll(/agent-watch ([a-z]+)/g)) expect(words).toContain(word);
  }
});

test('every tool has its section', () => {
  const titles = [...page.matchAll(/^## (.+)$/gm)].map(found => found[1]);
  expect(titles).toEqual([
    'The same failure, everywhere',
    'nohup',
    'A watcher of your own',
    'pm2',
    'supervisord',
    'forever',
    'systemd alone',
    "Docker's restart policies",
  ]);
});
