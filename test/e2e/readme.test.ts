import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { run } from '../support/watcher.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
];
const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;
/** Options of the other programs that the README tells to run. */
const FOREIGN = ['--no-audit', '--no-fund', '--days', '--to'];

describe('the first page', () => {
  const lines = /```sh\n([\s\S]*?)```/.exec(readme)?.[1]?.split('\n') ?? [];

  test('begins with two commands, a line each', () => {
    for (const line of lines.slice(0, 2)) {
      expect(line).toMatch(/^npm ci\b/);
      expect(spawnSync('sh', ['-n', '-c', line]).status, 'it is a whole command').toBe(0);
    }
    expect(lines[0]).toMatch(/npm run example/);
    expect(lines[1]).toMatch(/npm test/);
  });

  test('whose example ends by itself within a minute, and shows a status', () => {
    const folder = scratch();
    const ended = spawnSync('npm', ['run', '-s', 'example'], {
      cwd: root,
      env: { ...process.env, TMPDIR: folder, AW_TEST_FOLDER: folder },
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = `${ended.stdout}${ended.stderr}`;
    expect(ended.status, said.slice(-2000)).toBe(0);
    expect(said).toMatch(/^NAME +PHASE/m);
    expect(said).toMatch(/restart \d+ in/);
  });

  test('names only scripts that there are', () => {
    const named = [...readme.matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map(([, name]) => name ?? '');
    expect(named).toContain('build');
    for (const name of named) expect(scripts[name], name).toBeDefined();
  });
});

describe('what the documents name', () => {
  const help = run('/', ['--help', 'all']).out;

  test('every option', () => {
    const known = new Set(help.match(/--[a-z][a-z-]*[a-z]/g));
    const named = new Set(readme.match(/(?<![\w-])--[a-z][a-z-]*[a-z]/g));
    expect(named.size).toBeGreaterThan(20);
    expect([...named].filter(option => !known.has(option) && !FOREIGN.includes(option))).toEqual([]);
  });

  test('every command', () => {
    const known = new Set([...help.matchAll(/^ {2}agent-watch ([a-z]+)/gm)].map(([, verb]) => verb));
    const shown = [...readme.matchAll(/^agent-watch ([a-z]+)/gm)].map(([, verb]) => verb);
    expect(shown.length).toBeGreaterThan(3);
    expect(shown.filter(verb => !known.has(verb))).toEqual([]);
  });

  for (const document of documents) {
    test(`every link of ${document}`, () => {
      const text = read(document);
      const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
      for (const target of targets.filter(one => !/^[a-z]+:/.test(one))) {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? document : join(dirname(document), path);
        expect(existsSync(join(root, file)), target).toBe(true);
        if (anchor !== undefined) expect(anchorsOf(read(file)), target).toContain(anchor);
      }
    });
  }

  test('every path of the project in backquotes', () => {
    const named = [...readme.matchAll(/`((?:scripts|docs|src|test)\/[\w./-]+)`/g)].map(([, path]) => path ?? '');
    expect(named.filter(path => !existsSync(join(root, path)))).toEqual([]);
  });
});

/** The anchors that headings get: lower case, blanks to hyphens, signs left out. */
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
