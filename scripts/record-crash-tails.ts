/**
 * Runs the programs of test/fixtures/crash-programs as cases.json says and writes what they print, with their labels, to
 * test/fixtures/crash-tails: `npx node scripts/record-crash-tails.ts [ID...]`. Each case runs in a copy of the folder; its path and
 * those of the interpreters are replaced by ones that a server would have. A case whose command is not on this machine is left
 * as it was recorded.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripSequences } from '../src/core/text.ts';

interface Case {
  readonly id: string;
  readonly language: string;
  /** A line of bash, run in a copy of the programs' folder. */
  readonly run: string;
  readonly category: string;
  readonly alsoOk: readonly string[];
  /** Part of the line that says what happened; the last line with it is the key line. Empty: the log's last line. */
  readonly key: string | null;
}

const fixtures = resolve(import.meta.dirname, '../test/fixtures');
const programs = join(fixtures, 'crash-programs');
const scratch = mkdtempSync(join(tmpdir(), 'crash-tails-'));
const chosen = process.argv.slice(2);

const build = (): void => {
  const built = join(scratch, 'built');
  cpSync(programs, built, { recursive: true });
  for (const [command, ...args] of [
    ['rustc', '-o', 'crash-rs', 'crash.rs'],
    ['gcc', '-w', '-O0', '-fstack-protector-all', '-D_FORTIFY_SOURCE=0', '-o', 'crash-c', 'crash.c'],
    ['g++', '-w', '-pthread', '-o', 'crash-cc', 'crash.cc'],
    ['javac', '-d', 'classes', 'Crash.java'],
    ['ln', '-s', process.execPath, 'node24'],
  ] as const)
    spawnSync(command, args, { cwd: built, stdio: 'inherit' });
};

const record = ({ id, language, run, category, alsoOk, key }: Case): string | null => {
  const folder = join(scratch, 'app');
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(scratch, 'built'), folder, { recursive: true, verbatimSymlinks: true });
  const ended = spawnSync('bash', ['-c', `exec 2>&1; ${run}`], {
    cwd: folder,
    // Both streams into one pipe, in order of arrival.
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${process.env.PATH}:${folder}`,
      HOME: homedir(),
      LANG: 'C.UTF-8',
      PYTHONUNBUFFERED: '1',
      ...versions(),
    },
    timeout: 60_000,
    shell: false,
  });
  const log = ownPaths(folder, String(ended.stdout) + String(ended.stderr));
  if (/: (?:command not found|not found)$/m.test(log) && !/ffmpegg/.test(log))
    return `${id}: ${log.split('\n').at(-2)}`;
  const keyLine = key === null ? null : keyLineOf(log, key);
  if (keyLine === undefined) return `${id}: no line with ${JSON.stringify(key)} in:\n${log}`;
  const exit = { code: ended.status, signal: ended.signal };
  writeFileSync(
    join(fixtures, 'crash-tails', `${id}.json`),
    `${JSON.stringify({ id, language, exit, category, alsoOk, keyLine, log }, null, 2)}\n`,
  );
  return null;
};

const versions = (): Record<string, string> =>
  Object.fromEntries(
    ['PYENV_ROOT', 'JAVA_HOME'].flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])),
  );

const keyLineOf = (log: string, key: string): string | undefined => {
  const lines = stripSequences(log).split(/\r?\n|\r/);
  return lines.findLast(line => line.trim() !== '' && line.includes(key))?.trim();
};

const ownPaths = (folder: string, log: string): string =>
  log
    .replaceAll(folder, '/srv/app')
    .replaceAll(/\/root\/\.pyenv\/versions\/[\d.]+/g, '/usr/local')
    .replaceAll(homedir() === '/root' ? '/root/' : `${homedir()}/`, '/home/agent/');

build();
mkdirSync(join(fixtures, 'crash-tails'), { recursive: true });
const cases = JSON.parse(readFileSync(join(programs, 'cases.json'), 'utf8')) as Case[];
const faults = cases.filter(({ id }) => chosen.length === 0 || chosen.includes(id)).map(record);
rmSync(scratch, { recursive: true, force: true });
for (const fault of faults) if (fault !== null) console.error(fault);
process.exitCode = faults.some(fault => fault !== null) ? 1 : 0;
