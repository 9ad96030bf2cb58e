/**
 * Gives the next version its number, everywhere that a version stands: package.json and its lock file, CHANGELOG.md, what the documents
 * tell people to type, and the manual page. Prints the commands that make a release of it. Commits, tags and pushes nothing.
 *
 *   npm run set-version -- 1.0.0-rc.1                       of today
 *   npm run set-version -- 1.0.0-rc.1 --date unreleased     the number alone; the date comes with the release
 *
 * The packages for npm, Debian and the archives take theirs from package.json. A number with a hyphen is a pre-release: Debian sorts it
 * before its release by `~`, npm gets it as `next`, and the release is marked as one.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** Hyphens inside a pre-release, and build metadata, would mean something else to Debian. */
const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-(alpha|beta|rc)\.(\d+))?$/;
const DATE = /^(?:\d{4}-\d{2}-\d{2}|unreleased)$/;
const UNRELEASED = /^## (\S+) \((unreleased)\)$/m;
/** Where people are told what to type. */
const DOCUMENTS = ['README.md', 'docs/installing.md', 'docs/containers.md', 'docs/systemd.md'];

/** Numbers that compare, from left to right, as the versions do. Throws for what is none. */
function orderOf(version: string): number[] {
  const parts = VERSION.exec(version);
  if (parts === null)
    throw new Error(`invalid version "${version}"; valid: 1.2.3, 1.2.3-alpha.1, 1.2.3-beta.1, 1.2.3-rc.1`);
  const [, major, minor, patch, stage, number] = parts;
  const stages = ['alpha', 'beta', 'rc', undefined];
  return [Number(major), Number(minor), Number(patch), stages.indexOf(stage), Number(number ?? 0)];
}

/** Whether `a` is later than `b`. */
export function isLater(a: string, b: string): boolean {
  const [left, right] = [orderOf(a), orderOf(b)];
  const at = left.findIndex((part, index) => part !== right[index]);
  return at !== -1 && (left[at] ?? 0) > (right[at] ?? 0);
}

/** CHANGELOG.md with its first section, which must be unreleased, under this version and date. */
export function datedChangelog(text: string, version: string, date: string): string {
  const first = /^## .*$/m.exec(text)?.[0] ?? '';
  if (!UNRELEASED.test(first))
    throw new Error(
      `CHANGELOG.md begins with "${first}"; what is new comes under a heading "## ${version} (unreleased)"`,
    );
  return text.replace(UNRELEASED, `## ${version} (${date})`);
}

/** Writes the version into the sources in a folder. */
function setVersion(root: string, version: string, date: string): void {
  if (!DATE.test(date)) throw new Error(`invalid date "${date}"; valid: 2026-11-29, unreleased`);
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const before: string = JSON.parse(read('package.json')).version;
  if (version !== before && !isLater(version, before)) throw new Error(`${version} is not later than ${before}`);
  const changelog = datedChangelog(read('CHANGELOG.md'), version, date);
  writeFileSync(join(root, 'CHANGELOG.md'), changelog);
  // The first is the manifest's own; a lock file has it twice.
  const own = `"version": "${before}"`;
  for (const [file, times] of [
    ['package.json', 1],
    ['package-lock.json', 2],
  ] as const) {
    let text = read(file);
    let at = 0;
    for (let time = 0; time < times; time++) {
      at = text.indexOf(own, at);
      text = `${text.slice(0, at)}"version": "${version}"${text.slice(at + own.length)}`;
      at += own.length;
    }
    writeFileSync(join(root, file), text);
  }
  for (const file of DOCUMENTS.filter(one => existsSync(join(root, one))))
    writeFileSync(join(root, file), inDocument(read(file), before, version));
}

/** The names of released files, and what is given to `--version`. */
export function inDocument(text: string, before: string, version: string): string {
  const named = new RegExp(
    `(agent-watch(?:-linux-\\w+)?[-_]|--version )${before.replaceAll('.', '\\.')}(?![\\dA-Za-z-])`,
    'g',
  );
  return text.replace(named, `$1${version}`);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { date: { type: 'string', default: new Date().toISOString().slice(0, 10) }, root: { type: 'string' } },
  });
  const [version = ''] = positionals;
  const root = values.root ?? resolve(import.meta.dirname, '..');
  setVersion(root, version, values.date);
  if (values.root === undefined)
    execFileSync(process.execPath, [join(root, 'scripts/generate-docs.ts')], { stdio: 'inherit' });
  console.log(`${version} is set. To release it:\n`);
  console.log(
    `  git commit -am 'Version ${version}'\n  npm run release\n  git tag v${version}\n  git push origin main v${version}`,
  );
}
