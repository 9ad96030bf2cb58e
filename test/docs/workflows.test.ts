import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { validate } from 'dockerfile-utils';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { scratch } from '../support/scratch.ts';
import { executable } from '../support/watcher.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, '.github/workflows');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** The fixture as a bundle: the parser imports JSON in a way that bundlers take and Node refuses. */
async function parser(): Promise<typeof import('../fixtures/workflow-faults.ts')> {
  const outfile = join(scratch(), 'parser.cjs');
  const entryPoints = [join(root, 'test/fixtures/workflow-faults.ts')];
  await build({ entryPoints, outfile, bundle: true, platform: 'node', logLevel: 'error' });
  return createRequire(import.meta.url)(outfile);
}

test('the workflows are valid by the parser of GitHub', async () => {
  const { workflowFaults } = await parser();
  const files = readdirSync(folder);
  expect(files.sort()).toEqual(['release.yml', 'test.yml']);
  for (const file of files) expect(await workflowFaults(read(`.github/workflows/${file}`)), file).toEqual([]);
  const broken = async (from: string, to: string) =>
    await workflowFaults(read('.github/workflows/test.yml').replace(from, to));
  expect(await broken('needs: packages', 'needs: package')).toContainEqual(
    expect.stringMatching(/unknown job 'package'/),
  );
  expect(await broken('timeout-minutes', 'timeout-minute')).not.toEqual([]);
  expect(await broken('github.ref', 'git.ref')).not.toEqual([]);
});

test('the workflows call only scripts and files that there are', () => {
  const scripts = JSON.parse(read('package.json')).scripts;
  for (const file of readdirSync(folder)) {
    const text = read(`.github/workflows/${file}`);
    for (const [, name = ''] of text.matchAll(/npm run ([a-z]+)/g)) expect(scripts).toHaveProperty(name);
    for (const [path] of text.matchAll(/\.ci\/\w+|docs\/Dockerfile/g)) expect(read(path)).not.toBe('');
  }
});

test('updates are asked for everything that the project takes from elsewhere', () => {
  const { version, updates } = parse(read('.github/dependabot.yml'));
  expect(version).toBe(2);
  expect(updates.map((one: Record<string, unknown>) => [one['package-ecosystem'], one['directory']])).toEqual([
    ['npm', '/'],
    ['github-actions', '/'],
    ['docker', '/docs'],
  ]);
});

test('the check of an installation passes with the executable', () => {
  const env = { ...process.env, PATH: `${dirname(executable)}:${process.env['PATH']}` };
  const { status, stderr } = spawnSync(join(root, '.ci/smoke'), { env, encoding: 'utf8', timeout: 60_000 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('the Dockerfile of the images has no fault, and has the stages that the release builds', () => {
  const text = read('docs/Dockerfile');
  expect(validate(text, {}).map(({ message }) => message)).toEqual([]);
  const stages = [...text.matchAll(/^FROM \S+ AS (\w+)$/gm)].map(([, stage]) => stage);
  const built = /for stage in ([a-z ]+);/.exec(read('.github/workflows/release.yml'))?.[1]?.split(' ') ?? [];
  expect(built.length).toBeGreaterThan(0);
  expect(stages).toEqual(expect.arrayContaining(built));
});
