import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const files = globSync(['src/**/*.ts', 'README.md', 'CHANGELOG.md', 'docs/**/*.md', 'docs/*.1'], { cwd: root }).sort();
const texts = files.map(file => [file, readFileSync(join(root, file), 'utf8').split('\n')] as const);

/** What is not written here, and what is written instead. */
const wordings: readonly [RegExp, string][] = [
  [/\bnever again dies\b/i, 'restarts it when it crashes or hangs'],
  [/\bhonest answer\b/i, 'overall health'],
  [/\bwhile you slept\b/i, 'summary of the last 24 hours'],
  [/\bsurprise you\b/i, 'check the setup for problems'],
  [/\btake it away again\b/i, 'remove'],
  [/\bhealed\b/i, 'recovered'],
  [/\bneeds a person\b/i, 'needs attention'],
  [/\bnobody is told\b/i, 'no alerts configured'],
  [/\bnobody watches\b/i, 'unsupervised, without a watcher'],
  [/\bnobody saw\b/i, 'exit status unknown'],
  [/\b(?:is|are|be|counts? as|quietly) blind\b/i, 'metrics are missing'],
  [/\bis too much for\b/i, 'unexpected argument'],
  [/\bonce is all it takes\b/i, 'may be given only once'],
  [/\bfault of its own\b/i, 'internal error'],
  [/\bas good as proven\b|\bproven or as good as\b/i, 'high confidence'],
  [/\bnew run is on its way\b|\bmay be on its way\b/i, 'restarting'],
  [/\ball the same\b/i, 'anyway, nevertheless'],
  [/\bstood still\b/i, 'suspended'],
  [/\bhow the house\b|\bthe rooms\b|\bat home on the machine\b/i, 'architecture, modules, running as a service'],
  [/\bto and fro\b/i, 'ownership changes at each start'],
  [/\b(?:is|are) nobody's\b/i, 'does not count as'],
  [/\bwhich is us\b|\bof ours\b/i, 'our, of the watcher'],
  [
    /(?<!\bthere )\bis no (?:duration|size|number|port|JSON|URL|folder|directory|regular file|list|KEY=)\b/i,
    'is not a',
  ],
  [/\borderly\b/i, 'graceful'],
];

test.each(wordings)('%s is written nowhere', (wording, instead) => {
  const found = texts.flatMap(([file, lines]) =>
    lines.flatMap((line, index) => (wording.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(found, `write instead: ${instead}`).toEqual([]);
});
