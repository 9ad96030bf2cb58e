import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const names = new Set(globSync('{src,test,scripts}/**/*.ts', { cwd: root }).map(file => basename(file)));

/** The source files that a line names and that are not there; a bare name is taken from the folder of the path before it. */
function missingIn(line: string): string[] {
  let folder: string | null = null;
  return [...line.matchAll(/`([\w./-]+\.ts)`/g)].flatMap(([, path = '']) => {
    if (path.includes('/')) folder = dirname(path);
    else if (folder === null) return names.has(path) ? [] : [path];
    const whole = join(folder, basename(path));
    return ['', 'src'].some(from => existsSync(join(root, from, whole))) ? [] : [whole];
  });
}

test('every source file that a document names is there', () => {
  const missing = globSync(['README.md', 'CHANGELOG.md', 'docs/**/*.md'], { cwd: root }).flatMap(document => {
    const lines = readFileSync(join(root, document), 'utf8').split('\n');
    return lines.flatMap(missingIn).map(path => `${document}: ${path}`);
  });
  expect(missing).toEqual([]);
});
