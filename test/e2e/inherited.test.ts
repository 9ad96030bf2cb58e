import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { because, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { executable, run, testEnvironment } from '../support/watcher.ts';

const once = ['--name', 'once', '--quiet', '--restart', 'never'];

describe('variables that steer a Node', () => {
  test('are the command’s, and the watcher hears of none', () => {
    const folder = scratch();
    const env = {
      NODE_REPL_EXTERNAL_MODULE: '/x',
      NODE_V8_COVERAGE: `${folder}/coverage`,
      NODE_COMPILE_CACHE: `${folder}/cache`,
      NODE_DEBUG: 'fs,http,module',
      NODE_CHANNEL_FD: '99',
      NODE_UNIQUE_ID: '1',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_OPTIONS: '--no-such-option',
      NODE_PENDING_DEPRECATION: '1',
      UV_THREADPOOL_SIZE: '1',
    };
    const ended = run(folder, [...once, '--', 'env'], { env });
    expect(ended).toMatchObject({ code: 0, err: '' });
    const got = ended.out.split('\n');
    expect(got).toEqual(expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)));
    expect(run(folder, [...once, '--', 'ls'], { env }).out).toBe('state\n');
  });
});

/** A user of its own, so that nothing else counts against its limits. */
const asStranger = ['setpriv', '--reuid=43210', '--regid=43210', '--clear-groups'];

describe(`a limit of processes${because(noSecondUser)}`, () => {
  const limited = (limit: number, script: string) => {
    const folder = scratch();
    chmodSync(folder, 0o777);
    const line = `ulimit -u ${limit}; exec "$0" --state-dir ${folder}/state ${once.join(' ')} -- sh -c '${script}'`;
    return spawnSync(asStranger[0] ?? '', [...asStranger.slice(1), 'bash', '-c', line, executable], {
      cwd: folder,
      env: testEnvironment(folder),
      encoding: 'utf8',
      timeout: 20_000,
    });
  };

  test.skipIf(noSecondUser !== null)('that the command uses up does not take the watcher along', () => {
    const ended = limited(40, 'echo up; i=0; while [ $i -lt 60 ]; do sleep 20 & i=$((i+1)); done 2>/dev/null; exit 7');
    expect(ended).toMatchObject({ signal: null, stdout: 'up\n' });
    expect(ended.status).not.toBe(134);
  });

  test.skipIf(noSecondUser !== null)('that leaves no room for the watcher is an error before anything starts', () => {
    expect(limited(7, 'echo up')).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/limit of processes/),
    });
  });
});
