import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readProcess, readTable } from '../../src/host/process-table.ts';
import { because, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, run, startWatcher, testEnvironment } from '../support/watcher.ts';

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
      timeout: 60_000,
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

/** What bash prints that runs the executable as `$AW`, with its state in the folder. */
function inBash(script: string, folder = scratch()) {
  const env = { ...testEnvironment(folder), AW: executable };
  return spawnSync('bash', ['-c', script], { cwd: folder, env, encoding: 'latin1', timeout: 60_000 });
}
const AW = `"$AW" ${once.join(' ')}`;

describe('limits', () => {
  test('the command has the limit of open files that we were given', async () => {
    expect(inBash(`ulimit -Sn 300; ${AW} -- sh -c 'ulimit -Sn'; true`).stdout).toBe('300\n');
    const folder = scratch();
    inBash(`ulimit -Sn 300; "$AW" start --name n -- sh -c 'ulimit -Sn; sleep 60'; true`, folder);
    await until('it is logged', () => run(folder, ['logs', 'n']).out === '300\n');
    run(folder, ['stop', 'n']);
  });

  test('a limit of file sizes below that of the log costs log, and not the watcher', () => {
    const many = 'i=0; while [ $i -lt 1500 ]; do i=$((i+1)); echo "line $i xxxxxxxxxxxxxxxxxxxx"; done; exit 4';
    expect(inBash(`ulimit -f 16; ${AW} -- sh -c '${many}' | tail -1; exit \${PIPESTATUS[0]}`)).toMatchObject({
      status: 4,
      stdout: 'line 1500 xxxxxxxxxxxxxxxxxxxx\n',
    });
  });
});

describe('descriptors', () => {
  test('one that was given on purpose reaches every run', () => {
    const twice = `"$AW" --name n --quiet --backoff 0ms --max-restarts 1 --on-hold exit --restart on-failure`;
    const ended = inBash(`echo secret >f; ${twice} -- sh -c 'readlink /proc/self/fd/3; exit 1' 3<f`);
    expect(ended.stdout.match(/\/f$/gm)).toHaveLength(2);
  });

  test('none reaches checks, nor what start leaves behind', () => {
    const folder = scratch();
    const check = `--health-interval 100ms --check 'readlink /proc/self/fd/20 >leak; echo done >check'`;
    inBash(
      `"$AW" --quiet --name n --restart never ${check} -- sh -c 'until [ -s check ]; do sleep 0.1; done' 20<.`,
      folder,
    );
    expect(readFileSync(`${folder}/leak`, 'utf8')).toBe('');
    const start = `"$AW" start --name s -- sleep 60 >/dev/null`;
    const ended = inBash(
      `(flock -n 200 && ${start}) 200>lock; flock -n lock echo free; "$AW" stop s >/dev/null`,
      folder,
    );
    expect(ended.stdout).toBe('free\n');
  });
});

describe('texts that are not UTF-8', () => {
  test.each([
    ['a variable', `env "V=$(printf 'caf\\351')" ${AW} -- true`, /variable V=caf\\xe9 is not UTF-8/],
    [
      'a line of the environment file',
      `printf 'A=1\\nV=caf\\351\\n' >e; ${AW} --env-file e -- true`,
      /not UTF-8 \(line 2\)/,
    ],
    [
      'a value of the configuration',
      `printf 'command: [echo, caf\\351]\\n' >c.yaml; ${AW} --config c.yaml`,
      /not UTF-8 \(line 1\)/,
    ],
  ])('%s is refused by name', (_what, script, message) => {
    expect(inBash(script)).toMatchObject({ status: 125, stderr: expect.stringMatching(message) });
  });

  test('a variable that is set again may have been anything', () => {
    expect(inBash(`env "V=$(printf 'caf\\351')" ${AW} --env V=tea -- sh -c 'echo $V'`).stdout).toBe('tea\n');
  });
});

describe('folders', () => {
  test('a relative home is ignored, and a user without a home is asked for --state-dir', () => {
    const folder = scratch();
    chmodSync(folder, 0o777);
    for (const home of ['HOME=', 'HOME=here', 'OTHER=x']) {
      const args = ['-i', 'PATH=/usr/bin:/bin', home, executable, 'status'];
      const ended = spawnSync(asStranger[0] ?? '', [...asStranger.slice(1), 'env', ...args], {
        cwd: folder,
        encoding: 'utf8',
      });
      if (noSecondUser === null)
        expect(ended).toMatchObject({ status: 125, stderr: expect.stringMatching(/^agent-watch: .*--state-dir\n$/) });
    }
  });

  test('what needs no folder runs in one that has been removed', () => {
    expect(inBash('mkdir gone; cd gone; rmdir ../gone; "$AW" --version').status).toBe(0);
    expect(inBash(`mkdir gone; cd gone; rmdir ../gone; ${AW} -- true`)).toMatchObject({ status: 125 });
  });

  test('PWD is the working directory', () => {
    expect(inBash(`${AW} --cwd /usr -- sh -c 'env | grep ^PWD='`).stdout).toBe('PWD=/usr\n');
  });

  test('a link is followed again at each start, and written into a unit as it is', async () => {
    const folder = scratch();
    const script = `mkdir r1 r2; ln -s r1 current; cd current; exec "$AW" --quiet --name n --backoff 200ms --max-restarts 1 --on-hold exit \\
      -- sh -c 'pwd -P; ln -sfn r2 ../current 2>/dev/null || ln -sfn r2 '${folder}'/current; rm -rf '${folder}'/r1; exit 1'`;
    const { stdout } = inBash(script, folder);
    expect(stdout).toBe(`${folder}/r1\n${folder}/r2\n`);
    const unit = inBash('cd current; "$AW" install --print --format systemd --name n -- sleep 5', folder);
    expect(unit.stdout).toContain(`${folder}/current`);
    expect(unit.stdout).not.toContain(`${folder}/r2`);
  });
});

test('a program for another architecture is named as such, instead of being read by a shell', () => {
  const elf = `printf '\\177ELF\\002\\001\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000\\002\\000\\363\\000' >riscv; chmod +x riscv`;
  const ended = inBash(`${elf}; "$AW" --name n --restart never -- ./riscv`);
  expect(ended).toMatchObject({ status: 126, stderr: expect.stringMatching(/built for another architecture/) });
});

test('Ctrl-Z stops the command together with the watcher, and both continue', async () => {
  const folder = scratch();
  const ticks = () => (existsSync(join(folder, 'ticks')) ? readFileSync(join(folder, 'ticks'), 'utf8').length : 0);
  const watcher = startWatcher(folder, [
    '--name',
    'n',
    '--',
    'sh',
    '-c',
    'while :; do printf x >>ticks; sleep 0.05; done',
  ]);
  await until('it ticks', () => ticks() > 0);
  for (let count = 0; count < 2; count++) {
    watcher.process.kill('SIGTSTP');
    await until('the watcher is stopped', () => readProcess(watcher.pid)?.halted === true);
    await until('so is its command', () => {
      const rows = readTable(null);
      const group = rows.find(row => row.parent === watcher.pid)?.group;
      // A shell that waits for the exec of a stopped child shows no state of its own.
      return rows.some(row => row.group === group && row.halted);
    });
    const before = ticks();
    watcher.process.kill('SIGCONT');
    await until('it ticks again', () => ticks() > before);
  }
  watcher.process.kill('SIGTERM');
  await watcher.ended;
});
