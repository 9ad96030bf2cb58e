import { copyFileSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { isOptionName } from '../../src/cli/options/index.ts';
import { scratch } from '../support/scratch.ts';
import { run } from '../support/watcher.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const page = readFileSync(join(docs, 'agents.md'), 'utf8');
const files = globSync('agents/*.yaml', { cwd: docs }).sort();

test('the page names every file, and every file that it names is there', () => {
  const named = [...page.matchAll(/\((agents\/[\w-]+\.yaml)\)/g)].map(([, name]) => name);
  expect([...new Set(named)].sort()).toEqual(files);
});

test('every option that the page names is one', () => {
  const foreign =
    /^(?:output-format|verbose|json|skip|sandbox|yolo|approval|auth-type|max-session|max-wall|print-logs|format|yes|no-pretty|message|what|dangerously|watch)/;
  for (const [, option = ''] of page.matchAll(/--([a-z][a-z-]+)/g))
    if (!foreign.test(option)) expect(option).toSatisfy(isOptionName);
});

test.each(files)('%s is accepted by check', file => {
  const folder = scratch();
  const path = join(folder, basename(file));
  copyFileSync(join(docs, file), path);
  writeFileSync(join(folder, 'PROMPT.md'), 'Say hello.');
  copyFileSync(join(docs, 'agents/review-rubric.txt'), join(folder, 'review-rubric.txt'));
  // Whether the agent is installed is not what is checked here.
  for (const program of ['claude', 'codex', 'gemini', 'qwen', 'opencode', 'aider', 'python3', 'node'])
    writeFileSync(join(folder, program), '#!/bin/sh\n', { mode: 0o755 });
  const checked = run(folder, ['check', path], { env: { PATH: `${folder}:/usr/bin:/bin` } });
  expect(checked.err).toBe('');
  expect(checked.code).toBe(0);
});
