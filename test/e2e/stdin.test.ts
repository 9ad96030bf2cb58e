import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { givenDescriptorsOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { python, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment } from '../support/watcher.ts';

describe('standard input', () => {
  const counted = ['--backoff', '0ms', '--max-restarts', '2', '--on-hold', 'exit', '--quiet'];
  const reader = ['--', 'sh', '-c', 'echo "$AGENT_WATCH_RUN $(sha256sum)"; exit 1'];
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const digests = (...inputs: Buffer[]) => inputs.map((bytes, at) => `${at + 1} ${sha256(bytes)}  -\n`).join('');
  const empty = Buffer.alloc(0);
  const through = (folder: string, script: string, args: readonly string[]) =>
    spawnSync('sh', ['-c', script, executable, ...args], {
      cwd: folder,
      env: testEnvironment(folder),
      timeout: 60_000,
    });

  test('from a named pipe or a folder is refused: nothing waits for a writer', () => {
    const folder = scratch();
    spawnSync('mkfifo', [join(folder, 'orders')]);
    const refused = (path: string) => run(folder, ['--stdin', path, '--', 'cat']);
    expect(refused('orders')).toMatchObject({ code: 125, err: expect.stringMatching(/--stdin: .*is a named pipe/) });
    expect(refused('.')).toMatchObject({ code: 125, err: expect.stringMatching(/--stdin: .*is a directory/) });
  });

  test.each([
    ['of 200 kB through a pipe reaches each run whole', 200_000, 'cat input | "$0" "$@"', true],
    [
      'of more than 1 MiB through a pipe reaches the first run whole, and later runs see its end',
      1_100_000,
      'cat input | "$0" "$@"',
      false,
    ],
    ['of a file reaches the first run whole, and later runs see its end', 200_000, '"$0" "$@" < input', false],
  ])('%s', (_what, size, script, again) => {
    const folder = scratch();
    const bytes = randomBytes(size);
    writeFileSync(join(folder, 'input'), bytes);
    const ended = through(folder, script, [...counted, ...reader]);
    expect(ended.stdout.toString()).toBe(again ? digests(bytes, bytes, bytes) : digests(bytes, empty, empty));
    expect(ended.status).toBe(69);
  });

  test('of a pipe that a first run did not read is there for the next, and said to be given again once', () => {
    const folder = scratch();
    const child = ['--', 'sh', '-c', '[ $AGENT_WATCH_RUN = 1 ] || cat; exit 1'];
    const args = ['--backoff', '100ms', '--max-restarts', '2', '--on-hold', 'exit', ...child];
    const ended = through(folder, 'echo prompt | "$0" "$@"', args);
    expect(ended.stdout.toString()).toBe('prompt\nprompt\n');
    expect(ended.stderr.toString().match(/each run reads it again/g)).toHaveLength(1);
  });

  test('of a pipe that continues reaches the run as it comes', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'live', '--', 'cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
    watcher.process.stdin?.write('one\n');
    await watcher.printed(/one/);
    watcher.process.stdin?.write('two\n');
    await watcher.printed(/two/);
    expect(run(folder, ['stop', 'live']).code).toBe(0);
  });

  test('of --stdin FILE is opened again for each run; one that is missing is refused, and later a failed start', async () => {
    const folder = scratch();
    const prompt = join(folder, 'prompt.md');
    writeFileSync(prompt, 'first');
    const args = [
      '--stdin',
      'prompt.md',
      '--name',
      'agent',
      '--backoff',
      '50ms',
      '--backoff-factor',
      '1',
      '--flap-threshold',
      '0',
      '--',
      'sh',
      '-c',
      'cat; echo; exit 1',
    ];
    const watcher = startWatcher(folder, args);
    await watcher.printed(/first\nfirst\n/);
    writeFileSync(prompt, 'second');
    await watcher.printed(/second/);
    rmSync(prompt);
    await watcher.said(/standard input cannot be opened.*prompt\.md/);
    expect(run(folder, ['stop', 'agent']).code).toBe(0);
    expect(run(folder, args)).toMatchObject({ code: 125, err: expect.stringContaining('prompt.md') });
  });

  test('of --stdin FILE is refused beside --feed-last-output', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'prompt.md'), 'x');
    const both = ['--stdin', 'prompt.md', '--schedule', '* * * * *', '--feed-last-output', '--', 'true'];
    expect(run(folder, both)).toMatchObject({ code: 125, err: expect.stringContaining('--feed-last-output') });
  });

  test('is empty with --stdin null', () => {
    const folder = scratch();
    const ended = run(folder, ['--stdin', 'null', '--restart', 'never', '--', 'cat'], { input: 'never seen' });
    expect(ended).toMatchObject({ code: 0, out: '' });
  });
});

describe('started with closed descriptors', () => {
  for (const closed of [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
    test(`${closed.join(', ')} it watches, stops, and gives the child 0, 1 and 2 only`, async () => {
      const folder = scratch();
      const script = `exec "$0" "$@" ${closed.map(fd => `${fd}>&-`).join(' ')}`;
      const child = 'ls -l /proc/$$/fd > open; echo out; echo err >&2; touch up; exec sleep 1000';
      const args = ['--name', 'closed', '--', 'sh', '-c', child];
      const ended = spawnSync('sh', ['-c', `${script} & echo $! > pid`, executable, ...args], {
        cwd: folder,
        env: testEnvironment(folder),
        stdio: ['ignore', 'ignore', 'ignore'],
      });
      expect(ended.status).toBe(0);
      await until('the child is up', () => existsSync(join(folder, 'up')));
      const status = await phaseIs(folder, 'closed', 'running');
      expect(givenDescriptorsOf(status.childPid ?? 0)).toEqual([0, 1, 2]);
      expect(run(folder, ['stop', 'closed']).code).toBe(0);
      expect(statusOf(folder, 'closed').phase).toBe('stopped');
    });
  }
});

describe('the child gets', () => {
  test('its arguments as given, and the umask', () => {
    const folder = scratch();
    const awkward = ['', 'a\nb', ' ', '"\'`$(id)\\', 'ünïcödé 🎉', '-x', '--', '--name', '--help', '*', '%s', '\t'];
    const script = 'umask; for each; do printf "<%s>" "$each"; done';
    const ended = spawnSync(
      'sh',
      [
        '-c',
        'umask 0137; exec "$0" "$@"',
        executable,
        '--restart',
        'never',
        '--',
        'sh',
        '-c',
        script,
        'sh',
        ...awkward,
      ],
      { cwd: folder, env: testEnvironment(folder), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    expect(ended.stdout.toString()).toBe(`0137\n${awkward.map(each => `<${each}>`).join('')}`);
    expect(ended.status).toBe(0);
  });

  test('the working directory of the caller, or --cwd, while the watcher itself stands in /', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'sub'));
    for (const [name, args, cwd] of [
      ['here', [], folder],
      ['there', ['--cwd', 'sub'], join(folder, 'sub')],
    ] as const) {
      const watcher = startWatcher(folder, ['--name', name, ...args, '--', 'sleep', '1000']);
      const { childPid } = await phaseIs(folder, name, 'running');
      expect(readlinkSync(`/proc/${watcher.pid}/cwd`)).toBe('/');
      expect(readlinkSync(`/proc/${childPid}/cwd`)).toBe(realpathSync(cwd));
      watcher.process.kill('SIGTERM');
      await watcher.ended;
    }
  });

  test('no descriptor but 0, 1 and 2, in the first run and in later ones', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'fds', '--', 'sleep', '1000']);
    const first = await phaseIs(folder, 'fds', 'running');
    expect(givenDescriptorsOf(first.childPid ?? 0)).toEqual([0, 1, 2]);
    expect(run(folder, ['restart', 'fds']).code).toBe(0);
    const second = await until('the second run', () => {
      const now = statusOf(folder, 'fds');
      return now.phase === 'running' && now.childPid !== first.childPid && now;
    });
    expect(givenDescriptorsOf(second.childPid ?? 0)).toEqual([0, 1, 2]);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('its variables: --env over --env-file over ours, PYTHONUNBUFFERED unless set, and what the contract promises', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'vars'), 'A=file\nB=file\nPYTHONUNBUFFERED=\n');
    const script =
      'echo "$A $B $C|$PYTHONUNBUFFERED|$AGENT_WATCH_NAME $AGENT_WATCH_RUN $AGENT_WATCH_STATE_DIR"; echo "$AGENT_WATCH_RUN_ID"';
    const base = ['--name', 'vars', '--restart', 'never', '--quiet'];
    const first = run(folder, [...base, '--', 'sh', '-c', script], { env: { A: 'ours', B: 'ours', C: 'ours' } });
    const [line, id] = first.out.split('\n');
    expect(line).toBe(`ours ours ours|1|vars 1 ${folder}/state`);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    const second = run(folder, [...base, '--env-file', 'vars', '--env', 'A=flag', '--', 'sh', '-c', script], {
      env: { A: 'ours', B: 'ours', C: 'ours' },
    });
    const [again, nextId] = second.out.split('\n');
    expect(again).toBe(`flag file ours||vars 2 ${folder}/state`);
    expect(nextId).not.toBe(id);
  });
});

describe('the flags of inherited descriptors', () => {
  const fixture = resolve(import.meta.dirname, '../fixtures/inherited-flags.py');
  const cases = ['pipe', 'socket', 'terminal', 'file'].flatMap(kind => [
    [kind, 'TERM'],
    // A socket can be opened no second time, so its flags are ours while we live, and stay so after a kill -9.
    ...(kind === 'socket' ? [] : [[kind, 'KILL']]),
  ]) as [string, string][];
  for (const [kind, signal] of cases) {
    test.skipIf(withoutPython)(
      `of a ${kind} are as before after SIG${signal}${withoutPython ? ` (skipped: ${withoutPython})` : ''}`,
      () => {
        const folder = scratch();
        const child = ['sh', '-c', 'echo out; echo err >&2; touch up; exec sleep 1000'];
        const ended = spawnSync(python ?? '', [fixture, kind, signal, executable, '--name', 'flags', '--', ...child], {
          cwd: folder,
          env: testEnvironment(folder),
          timeout: 60_000,
        });
        expect(ended.stderr.toString()).toBe('');
        const { before, meanwhile, after } = JSON.parse(ended.stdout.toString());
        expect(after).toEqual(before);
        if (kind !== 'socket') expect(meanwhile).toEqual(before);
        expect(existsSync(join(folder, 'up'))).toBe(true);
        if (kind === 'file' && signal === 'TERM') expect(readFileSync(join(folder, 'flags-1'), 'utf8')).toBe('out\n');
      },
    );
  }
});
