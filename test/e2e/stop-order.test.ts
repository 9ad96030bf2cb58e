import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deadPort } from '../servers/serving.ts';
import { because, missing } from '../support/fixture.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, type Watcher } from '../support/watcher.ts';

/** Debian's own Python, which knows Debian's packages. */
const PYTHON = '/usr/bin/python3';
const withoutCelery = missing(PYTHON, '-c', 'import celery');
const withoutGunicorn = missing(PYTHON, '-c', 'import gunicorn');
const withoutNpm = missing('npm', '--version');

/** Stops it beside the test, which goes on. */
function stopping(folder: string, ...flags: string[]): Watcher {
  return startWatcher(folder, ['stop', 'bot', ...flags]);
}

const alive = (folder: string) => processesWithEnvironment(`AW_TEST_FOLDER=${folder}`);
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []);

describe('a manager of workers finishes its work', () => {
  test.skipIf(withoutCelery !== null)(`celery: the job that a worker has begun${because(withoutCelery)}`, async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'queue'));
    const jobs = `import os, time
from celery import Celery
app = Celery('jobs', broker='filesystem://', broker_transport_options={'data_folder_in': 'queue', 'data_folder_out': 'queue'})
@app.task
def job():
    open('begun', 'w').close()
    while not os.path.exists('go'): time.sleep(0.05)
    open('done', 'w').close()
`;
    writeFileSync(join(folder, 'jobs.py'), jobs);
    expect(
      run(folder, ['--name', 'once', '--restart', 'never', '--', PYTHON, '-c', 'import jobs; jobs.job.delay()']).code,
    ).toBe(0);
    const worker = [PYTHON, '-m', 'celery', '-A', 'jobs', 'worker', '--concurrency', '1', '-l', 'warning'];
    const watcher = startWatcher(folder, ['--name', 'bot', '--stop-timeout', '60s', '--', ...worker]);
    await until('a worker has begun', () => existsSync(join(folder, 'begun')));
    const stop = stopping(folder);
    await phaseIs(folder, 'bot', 'stopping');
    writeFileSync(join(folder, 'go'), '');
    expect((await stop.ended).code).toBe(0);
    expect(existsSync(join(folder, 'done'))).toBe(true);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(alive(folder)).toEqual([]);
  });

  test.skipIf(withoutGunicorn !== null)(`gunicorn: the request that it serves${because(withoutGunicorn)}`, async () => {
    const folder = scratch();
    const app = `import os, time
def app(environ, start):
    open('begun', 'w').close()
    while not os.path.exists('go'): time.sleep(0.05)
    start('200 OK', [('Content-Length', '8')])
    return [b'finished']
`;
    writeFileSync(join(folder, 'served.py'), app);
    const port = await deadPort();
    const server = [PYTHON, '-m', 'gunicorn', '--bind', `127.0.0.1:${port}`, 'served:app'];
    const watcher = startWatcher(folder, ['--name', 'bot', '--stop-timeout', '60s', '--', ...server]);
    await watcher.said(/Listening at/);
    const answer = fetch(`http://127.0.0.1:${port}/`).then(response => response.text());
    await until('the request is served', () => existsSync(join(folder, 'begun')));
    const stop = stopping(folder);
    await phaseIs(folder, 'bot', 'stopping');
    writeFileSync(join(folder, 'go'), '');
    expect(await answer).toBe('finished');
    expect((await stop.ended).code).toBe(0);
    expect((await watcher.ended).code).toBe(0);
    expect(alive(folder)).toEqual([]);
  });

  for (const [how, begin] of [
    ['stop', (folder: string) => void stopping(folder)],
    ['Ctrl-C', (_folder: string, watcher: Watcher) => void watcher.process.kill('SIGINT')],
    ['restart', (folder: string) => void startWatcher(folder, ['restart', 'bot'])],
  ] as const) {
    test(`after ${how} the worker hears nothing while its parent lives, and a signal when that has ended`, async () => {
      const folder = scratch();
      // A shell lets its background jobs ignore SIGINT.
      const worker = `trap 'echo worker >>got; exit' TERM INT; echo up >>ready; while :; do sleep 0.02; done`;
      const script = `trap 'echo main >>got' TERM INT; env --default-signal=INT sh -c "$1" & echo up >>ready
        until [ -e go ]; do sleep 0.02; done; echo over >>got`;
      const watcher = startWatcher(folder, [
        '--name',
        'bot',
        '--stop-timeout',
        '1h',
        '--',
        'sh',
        '-c',
        script,
        'sh',
        worker,
      ]);
      onTestFinished(() => void watcher.process.kill('SIGTERM'));
      await until('both are up', () => linesOf(join(folder, 'ready')).length === 2);
      begin(folder, watcher);
      await until('the main process has heard', () => linesOf(join(folder, 'got')).includes('main'));
      writeFileSync(join(folder, 'go'), '');
      await until('the worker has heard', () => linesOf(join(folder, 'got')).includes('worker'));
      expect(linesOf(join(folder, 'got')).slice(0, 3)).toEqual(['main', 'over', 'worker']);
    });
  }
});

test('at half of --stop-timeout the rest is asked too, and the main process is not asked twice', async () => {
  const folder = scratch();
  const script = `trap 'echo main >>got' TERM; sh -c 'trap "echo worker >>got; exit" TERM; echo up; while :; do sleep 0.02; done' &
    while :; do sleep 0.02; done`;
  const watcher = startWatcher(folder, ['--name', 'bot', '--stop-timeout', '1s', '--', 'sh', '-c', script]);
  await watcher.printed(/up/);
  const begun = performance.now();
  watcher.process.kill('SIGTERM');
  await watcher.said(/is still running; SIGTERM sent to the rest of its process tree/);
  expect(performance.now() - begun).toBeGreaterThan(450);
  expect((await watcher.ended).code).toBe(0);
  expect(performance.now() - begun).toBeGreaterThan(950);
  expect(linesOf(join(folder, 'got'))).toEqual(['main', 'worker']);
  expect(alive(folder)).toEqual([]);
});

test('a worker has two seconds from its own signal, whatever --stop-timeout says', async () => {
  const folder = scratch();
  // Over --stop-timeout, when its parent is killed.
  const worker = `trap 'while kill -0 $PPID 2>/dev/null; do sleep 0.02; done; echo finished >>got; exit' TERM; echo up; while :; do sleep 0.02; done`;
  const script = `trap : TERM; sh -c "$1" & while :; do sleep 0.02; done`;
  const args = ['--name', 'bot', '--stop-timeout', '500ms', '--', 'sh', '-c', script, 'sh', worker];
  const watcher = startWatcher(folder, args);
  await watcher.printed(/up/);
  watcher.process.kill('SIGTERM');
  expect((await watcher.ended).code).toBe(0);
  expect(linesOf(join(folder, 'got'))).toEqual(['finished']);
  expect(alive(folder)).toEqual([]);
});

test('with --stop-to tree all get the signal at once', async () => {
  const folder = scratch();
  const script = `trap 'echo main >>got' TERM; sh -c 'trap "echo worker >>got; exit" TERM; echo up; while :; do sleep 0.02; done' &
    until [ -e go ]; do sleep 0.02; done`;
  const watcher = startWatcher(folder, [
    '--name',
    'bot',
    '--stop-to',
    'tree',
    '--stop-timeout',
    '1h',
    '--',
    'sh',
    '-c',
    script,
  ]);
  await watcher.printed(/up/);
  watcher.process.kill('SIGTERM');
  await until('both have heard', () => linesOf(join(folder, 'got')).length === 2);
  writeFileSync(join(folder, 'go'), '');
  expect((await watcher.ended).code).toBe(0);
});

describe('ends in time and whole', () => {
  const bash = missing('bash', '--version');
  const cases: [string, string | null, string[], string[]][] = [
    ['a pipeline', null, ['sh', '-c', 'sleep 1011 | sleep 1012'], []],
    [
      'a bash script whose trap waits for its foreground command',
      bash,
      ['bash', '-c', `trap 'echo bye >>got; exit 0' TERM; sleep 1013`],
      ['bye'],
    ],
    [
      'a bash script with a trap that waits',
      bash,
      ['bash', '-c', `trap 'echo bye >>got; kill %1; exit 0' TERM; sleep 1014 & wait`],
      ['bye'],
    ],
    ['npm start', withoutNpm, ['npm', 'start', '--silent'], ['bye']],
  ];
  for (const [what, why, command, got] of cases) {
    test.skipIf(why !== null)(`${what}${because(why)}`, async () => {
      const folder = scratch();
      const start = `node -e "process.on('SIGTERM', () => { require('fs').writeFileSync('got', 'bye\\\\n'); process.exit(0); }); setInterval(() => {}, 1000); require('fs').writeFileSync('up', '')"`;
      writeFileSync(
        join(folder, 'package.json'),
        JSON.stringify({ name: 'served', version: '1.0.0', scripts: { start } }),
      );
      const watcher = startWatcher(folder, ['--name', 'bot', '--stop-timeout', '4s', '--', ...command]);
      await until('its last process is there', () =>
        command[0] === 'npm'
          ? existsSync(join(folder, 'up'))
          : alive(folder).some(pid => commandLine(pid).startsWith('sleep')),
      );
      expect(run(folder, ['stop', 'bot']).code).toBe(0);
      expect((await watcher.ended).code).toBe(0);
      expect(watcher.err()).not.toContain('sending SIGKILL');
      expect(linesOf(join(folder, 'got'))).toEqual(got);
      expect(alive(folder)).toEqual([]);
    });
  }
});

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
