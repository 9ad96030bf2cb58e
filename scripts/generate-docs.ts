/**
 * Writes what is made from the code: from the option table the README's option tables, the manual page, the completions and
 * the JSON Schema of the configuration file; from the state machine the diagram in docs/architecture.md.
 *
 *   node scripts/generate-docs.ts            writes them
 *   node scripts/generate-docs.ts --check    writes nothing, and exits 1 if one of them is not up to date
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { completionScript } from '../src/cli/render/completions.ts';
import { optionTables } from '../src/cli/render/help.ts';
import { manPage, schemaText } from '../src/cli/render/schema.ts';
import { stateDiagram } from './state-diagram.ts';

const root = resolve(import.meta.dirname, '..');

/** The text with something new between its two marks, `<!-- NAME -->` and `<!-- /NAME -->`; unchanged where it has none. */
function between(text: string, name: string, made: string): string {
  const begin = `<!-- ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(`<!-- /${name} -->`);
  if (from < 0 || to < from) return text;
  return `${text.slice(0, from + begin.length)}\n\n${made}\n\n${text.slice(to)}`;
}

function present(file: string): string | null {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    // Not there yet: it is to be written.
    return null;
  }
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const readme = present('README.md');
const architecture = present('docs/architecture.md');
const wanted: Record<string, string> = {
  ...(readme === null ? {} : { 'README.md': between(readme, 'options', optionTables()) }),
  ...(architecture === null ? {} : { 'docs/architecture.md': between(architecture, 'states', stateDiagram()) }),
  'docs/agent-watch.1': manPage(version),
  'docs/service.schema.json': schemaText(),
  'docs/completion/agent-watch.bash': completionScript('bash'),
  'docs/completion/_agent-watch': completionScript('zsh'),
  'docs/completion/agent-watch.fish': completionScript('fish'),
};

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const stale = Object.keys(wanted).filter(file => present(file) !== wanted[file]);
for (const file of stale) {
  if (values.check) {
    console.error(`${file} is not up to date; run: npm run docs`);
    continue;
  }
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), wanted[file]!);
  console.log(`wrote ${file}`);
}
if (values.check && stale.length > 0) process.exitCode = 1;
