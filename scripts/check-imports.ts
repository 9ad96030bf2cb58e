/**
 * Checks how files import each other. Imports run one way: main → cli → supervisor → the middle rooms → host → core; a
 * middle room imports no other middle room, and core imports nothing of Node. No files import each other in a circle (an
 * `import()` at run time is no part of one), and no file is longer than 300 lines. Prints each fault and exits 1 if there
 * is one.
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
const roomOf = (file: string) => file.split('/')[0] ?? '';
const staticImport = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*'([^']+)'|(?:^|\n)import\s*'([^']+)'/g;
const lateImport = /import\(\s*'([^']+)'\s*\)/g;

const LONGEST_LINES = 300;
const faults: string[] = [];
const importsOf = new Map<string, string[]>();
for (const file of globSync('**/*.ts', { cwd: src }).sort()) {
  const text = readFileSync(join(src, file), 'utf8');
  const targetsOf = (pattern: RegExp) => [...text.matchAll(pattern)].map(match => match[1] ?? match[2] ?? '');
  const inSrc = (target: string) => relative(src, resolve(src, dirname(file), target));
  const early = targetsOf(staticImport);
  importsOf.set(file, early.filter(target => target.startsWith('.')).map(inSrc));
  const lines = text.split('\n').length - 1;
  if (lines > LONGEST_LINES) faults.push(`${file} has ${lines} lines; the longest file has ${LONGEST_LINES}`);
  if (!floors.has(roomOf(file))) faults.push(`${file}: no such room in the plan`);
  for (const target of [...early, ...targetsOf(lateImport)]) checkFloor(file, target, inSrc(target));
}
for (const circle of circles()) faults.push(`files import each other: ${circle.join(' → ')}`);

for (const fault of faults) console.error(fault);
console.log(`imports: ${faults.length === 0 ? 'all run one way' : `${faults.length} faults`}`);
process.exitCode = faults.length === 0 ? 0 : 1;

function checkFloor(file: string, target: string, path: string): void {
  const from = roomOf(file);
  if (!target.startsWith('.')) {
    if (from === 'core') faults.push(`${file} imports ${target}: core imports nothing from outside`);
    return;
  }
  const to = roomOf(path);
  const floor = floors.get(from);
  const below = floors.get(to);
  if (to !== from && (below === undefined || floor === undefined || below >= floor))
    faults.push(`${file} imports ${target}: ${from} may not import ${to}`);
}

/** One circle for each way back that a walk along the imports finds. */
function circles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): void => {
    const at = path.indexOf(file);
    if (at !== -1) found.push([...path.slice(at), file]);
    if (at !== -1 || done.has(file)) return;
    path.push(file);
    for (const next of importsOf.get(file) ?? []) walk(next);
    path.pop();
    done.add(file);
  };
  for (const file of importsOf.keys()) walk(file);
  return found;
}
