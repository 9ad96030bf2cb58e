import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asNobody, because, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

/** Starts a service under each name, and waits for all. */
function running(folder: string, names: readonly string[]): void {
  for (const name of names)
    expect(run(folder, ['start', '--name', name, '--', 'sh', '-c', 'trap "" USR2; sleep 1000 & wait']).code).toBe(0);
}

const phases = (folder: string, names: readonly string[]) => names.map(name => statusOf(folder, name).phase);

describe('names, globs and --all', () => {
  test('select what a command acts on; every result is one line', () => {
    const folder = scratch();
    const names = ['api-1', 'api-2', 'bot', 'web'];
    running(folder, names);
    const before = statusOf(folder, 'api-1').childPid;
    const restarted = run(folder, ['restart', 'api-?', 'bot']);
    expect(restarted).toMatchObject({ code: 0, err: '' });
    expect(restarted.out.trim().split('\n').sort()).toEqual([
      `api-1: restarted, pid ${statusOf(folder, 'api-1').childPid}`,
      `api-2: restarted, pid ${statusOf(folder, 'api-2').childPid}`,
      `bot: restarted, pid ${statusOf(folder, 'bot').childPid}`,
    ]);
    expect(statusOf(folder, 'api-1').childPid).not.toBe(before);
    expect(run(folder, ['stop', 'api*']).out.trim().split('\n').sort()).toEqual(['api-1: stopped', 'api-2: stopped']);
    expect(phases(folder, names)).toEqual(['stopped', 'stopped', 'running', 'running']);
    const all = run(folder, ['stop', '--all']);
    expect(all.code).toBe(0);
    expect(all.out.trim().split('\n').sort()).toEqual([
      'api-1: not running',
      'api-2: not running',
      'bot: stopped',
      'web: stopped',
    ]);
  });

  test('an unknown name is 4 and the rest is done; a failure is 1 and comes first', () => {
    const folder = scratch();
    running(folder, ['bot', 'web']);
    run(folder, ['stop', 'web']);
    const some = run(folder, ['signal', 'bot', 'bott', 'x*', 'USR2']);
    expect(some).toMatchObject({ code: 4, out: 'bot: SIGUSR2 sent to the command\n' });
    expect(some.err).toBe(
      'agent-watch: no service named "bott"; did you mean bot?\nagent-watch: no service matches "x*"\n',
    );
    const failed = run(folder, ['restart', 'web', 'nobody']);
    expect(failed.code).toBe(1);
    expect(failed.err).toContain('agent-watch: web: not running; to start it: agent-watch start web\n');
    run(folder, ['stop', '--all']);
  });

  test('what is no name but a time, a run or a word in the wrong place is told how to be written', () => {
    const folder = scratch();
    run(folder, ['--name', 'bot', '--restart', 'never', '--', 'true']);
    const err = (...args: string[]) => run(folder, args).err;
    expect(err('brief', '24h')).toBe('agent-watch: no service named "24h"; to look back so far: --since 24h\n');
    expect(err('runs', 'bot', '3')).toBe('agent-watch: no service named "3"; one run: agent-watch runs show bot 3\n');
    expect(err('incidents', 'bot', 'show')).toBe(
      'agent-watch: no service named "show"; write: agent-watch incidents show bot\n',
    );
    expect(err('status', '24h')).toBe('agent-watch: no service named "24h"; valid: bot\n');
  });

  test('--all of no services is 0', () => {
    expect(run(scratch(), ['stop', '--all'])).toMatchObject({ code: 0, out: 'no services\n' });
  });

  test('select what a command shows', () => {
    const folder = scratch();
    running(folder, ['api-1', 'api-2', 'bot']);
    const shown = run(folder, ['status', 'api*', 'nobody', '--json']);
    expect(shown.code).toBe(4);
    expect(JSON.parse(shown.out).map(({ name }: { name: string }) => name)).toEqual(['api-1', 'api-2']);
    expect(run(folder, ['health', 'bot', 'api-1'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/api-1.*\n.*bot/),
    });
    run(folder, ['stop', '--all']);
  });

  test('a restart that must wait for the old run says the pid of the new one', async () => {
    const folder = scratch();
    const slow = 'trap "sleep 1; exit 0" TERM; echo up; while :; do sleep 0.05; done';
    const watcher = startWatcher(folder, ['--name', 'slow', '--', 'sh', '-c', slow]);
    await watcher.printed(/up/);
    const { out, code } = run(folder, ['restart', 'slow']);
    expect(code).toBe(0);
    expect(out).toBe(`slow: restarted, pid ${statusOf(folder, 'slow').childPid}\n`);
    run(folder, ['stop', 'slow', '--now']);
    await watcher.ended;
  });
});

describe('a state folder', () => {
  test('that was named and is not there is an error, not an empty list', () => {
    const folder = scratch();
    for (const command of ['status', 'health', 'brief', 'incidents'])
      expect(run(folder, [command, '--state-dir', `${folder}/typo`])).toMatchObject({
        code: 1,
        out: '',
        err: `agent-watch: --state-dir: ${folder}/typo does not exist\n`,
      });
  });

  test.skipIf(noSecondUser !== null)(`that may not be read is said in one line${because(noSecondUser)}`, () => {
    const folder = scratch();
    running(folder, ['bot']);
    chmodSync(folder, 0o755);
    const asked = (...args: string[]) => run(folder, args, { before: asNobody, cwd: '/' });
    for (const command of [['status'], ['health'], ['stop', 'bot'], ['incidents']]) {
      const { code, out, err } = asked(...command);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^agent-watch: .*\/state cannot be read: .*\n$/);
    }
    chmodSync(join(folder, 'state'), 0o755);
    for (const command of [['status'], ['health'], ['stop', 'bot']])
      expect(asked(...command)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^agent-watch: bot: .*\/state\/bot cannot be read: .*\n$/),
      });
    run(folder, ['stop', 'bot']);
  });
});
