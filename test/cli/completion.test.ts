import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completionScript, type Shell } from '../../src/cli/render/completions.ts';
import { optionTables } from '../../src/cli/render/help.ts';
import { manPage } from '../../src/cli/render/schema.ts';

let folder: string;
const file = (shell: Shell) => join(folder, shell === 'zsh' ? '_agent-watch' : `agent-watch.${shell}`);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-watch-completion-'));
  for (const shell of ['bash', 'zsh', 'fish'] as const) writeFileSync(file(shell), completionScript(shell));
  mkdirSync(join(folder, 'state/my-agent'), { recursive: true });
  mkdirSync(join(folder, 'state/other'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function here(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Runs a shell with our state folder, apart from the user's own files, and gives its lines. */
function linesOf(shell: string, args: string[]): string[] {
  const env = { PATH: process.env['PATH'], HOME: folder, AGENT_WATCH_STATE_DIR: join(folder, 'state'), TERM: 'dumb' };
  const { stdout, stderr, status } = spawnSync(shell, args, { encoding: 'utf8', env, cwd: folder });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.split('\n').filter(line => line !== '');
}

describe.skipIf(!here('bash'))('bash (skipped where it is missing)', () => {
  const complete = (...words: string[]) =>
    linesOf('bash', [
      '--norc',
      '-c',
      'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agent_watch; printf "%s\\n" "${COMPREPLY[@]}"',
      'bash',
      file('bash'),
      'agent-watch',
      ...words,
    ]);

  test.each<[string[], string[]]>([
    [['stat'], ['status']],
    [['--backoff-'], ['--backoff-factor', '--backoff-max']],
    [
      ['--restart', ''],
      ['always', 'on-failure', 'never'],
    ],
    [['--restart', '=', 'on'], ['on-failure']],
    [
      ['--restart', '='],
      ['always', 'on-failure', 'never'],
    ],
    [
      ['stop', ''],
      ['my-agent', 'other'],
    ],
    [['events', 'o'], ['other']],
    [['start', 'my-agent', 'o'], ['other']],
    [['ls', '--j'], ['--json']],
    [['apply', 'agent-watch.b'], ['agent-watch.bash']],
    [['--stdin', 'agent-watch.f'], ['agent-watch.fish']],
    [['stop', 'my-agent', '--n'], ['--now']],
    [['--stop-signal', 'SIGTER'], ['SIGTERM']],
    [['--name', ''], []],
    [['--config', 'agent-watch.b'], ['agent-watch.bash']],
    [['--name', 'x', '--', 'agent-watch.f'], []],
    [['--', 'cat', 'agent-watch.f'], ['agent-watch.fish']],
  ])('%j', (words, offered) => expect(complete(...words)).toEqual(offered));
});

describe.skipIf(!here('fish'))('fish (skipped where it is missing)', () => {
  const complete = (line: string) =>
    linesOf('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file('fish'), line]).map(
      found => found.split('\t')[0],
    );

  test.each<[string, string[]]>([
    ['agent-watch sta', ['start', 'status']],
    ['agent-watch --backoff-', ['--backoff-factor', '--backoff-max']],
    ['agent-watch --restart ', ['always', 'never', 'on-failure']],
    ['agent-watch stop ', ['my-agent', 'other']],
    ['agent-watch events o', ['other']],
    ['agent-watch apply agent-watch.b', ['agent-watch.bash']],
    ['agent-watch stop x --n', ['--now']],
    ['agent-watch -- cat agent-watch.f', ['agent-watch.fish']],
    ['agent-watch --name x -- cat sta', ['state/']],
    ['agent-watch -- true', ['true']],
  ])('%s', (line, offered) => expect(complete(line).sort()).toEqual(offered));
});

describe.skipIf(!here('zsh'))('zsh (skipped where it is missing)', () => {
  test('is found by compinit, and by source', () => {
    const load = `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[agent-watch]`;
    expect(linesOf('zsh', ['-f', '-c', load])).toEqual(['_agent-watch']);
    const sourced = `autoload -Uz compinit; compinit -D -u; source ${file('zsh')}; print $_comps[agent-watch]`;
    expect(linesOf('zsh', ['-f', '-c', sourced])).toEqual(['_agent_watch']);
    expect(linesOf('zsh', ['-f', '-n', file('zsh')])).toEqual([]);
  });
});

test.skipIf(!here('man'))('man finds nothing to warn of (skipped where it is missing)', () => {
  const page = join(folder, 'agent-watch.1');
  writeFileSync(page, manPage('1.2.3'));
  const { stdout, stderr } = spawnSync('man', ['--warnings', '-l', page], {
    encoding: 'utf8',
    env: { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8' },
  });
  expect(stderr).toBe('');
  expect(stdout).toContain('--backoff');
});

test('a table’s rows have three cells, whatever is in them', () => {
  const rows = optionTables()
    .split('\n')
    .filter(line => line.startsWith('|'));
  expect(rows.length).toBeGreaterThan(60);
  for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(5);
});
