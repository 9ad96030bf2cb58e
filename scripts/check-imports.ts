/**
 * Checks that imports run one way: main → cli → supervisor → the middle rooms → host → core. A middle room imports no
 * other middle room, and core imports nothing of Node. Prints each arrow that runs back and exits 1 if there is one.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const middle = ['child', 'probes', 'incidents', 'diagnosis', 'alerts', 'state', 'control'];
const floors = new Map<string, number>([
  ['main.ts', 5],
  ['cli', 4],
  ['supervisor', 3],
  ...middle.map(room => [room, 2] as const),
  ['host', 1],
  ['core', 0],
]);
const src = resolve(import.meta.dirname, '../src');
const roomOf = (file: string) => relative(src, file).split('/')[0] ?? '';
const importLine =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s*'([^']+)'/g;

const faults: string[] = [];
for (const file of globSync('**/*.ts', { cwd: src }).map(name => join(src, name))) {
  const from = roomOf(file);
  const floor = floors.get(from);
  if (floor === undefined) faults.push(`${relative(src, file)}: no such room in the plan`);
  for (const match of readFileSync(file, 'utf8').matchAll(importLine)) {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    const where = relative(src, file);
    if (!target.startsWith('.')) {
      if (from === 'core') faults.push(`${where} imports ${target}: core imports nothing from outside`);
      continue;
    }
    const to = roomOf(resolve(dirname(file), target));
    if (to === from) continue;
    const below = floors.get(to);
    if (below === undefined || floor === undefined || below >= floor)
      faults.push(`${where} imports ${target}: ${from} may not import ${to}`);
  }
}
for (const fault of faults) console.error(fault);
console.log(`imports: ${faults.length === 0 ? 'all run one way' : `${faults.length} run the wrong way`}`);
process.exitCode = faults.length === 0 ? 0 : 1;
