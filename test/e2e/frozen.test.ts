import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePort, startWorker } from '../support/health-worker.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, startWatcher, statusOf } from '../support/watcher.ts';

/** What the frozen worker still answers. */
async function fetchStatus(port: number): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}/`)).status;
}

describe('alive but frozen: the process is up, the port bound, HTTP says 200, and nothing is produced', () => {
  test.each([
    ['stale', ['--stale-after', '2s']],
    ['fresh:heart', ['--fresh-file', 'heart=2s']],
    ['grow:out/*.json', ['--grow', 'out/*.json=2s']],
  ])('caught by %s alone', async (name, options) => {
    const folder = scratch();
    const port = await freePort();
    const alive = ['--port', `${port}`, '--http', `http://127.0.0.1:${port}/`];
    const worker = startWorker(folder, port, 'frozen', [...options, ...alive]);
    await worker.well(name, `port:${port}`);
    await worker.break();
    expect(await fetchStatus(port)).toBe(200);
    const { health } = await phaseIs(folder, 'w', 'stopping');
    expect(health.filter(({ ok }) => ok === false).map(row => row.name)).toEqual([name]);
    await worker.up(2);
    await worker.end();
    expect(worker.runs()).toBe(2);
  });
});

describe('what only looks like work', () => {
  test.each(['chatter', 'spinner'])('%s is no progress by --progress-pattern', async fault => {
    const folder = scratch();
    const worker = startWorker(folder, 0, fault, ['--stale-after', '2s', '--progress-pattern', '^done']);
    await worker.well('stale');
    await worker.break();
    await worker.watcher.said(/stopping: stale: no line matching \/\^done\/ for \d\.\d+s/);
    await worker.up(2);
    await worker.end();
  });

  test('retry chatter defeats --stale-after alone', async () => {
    const folder = scratch();
    const worker = startWorker(folder, 0, 'chatter', ['--stale-after', '2s']);
    await worker.well('stale');
    await worker.break();
    // Three times as long as silence would be borne.
    await worker.watcher.printed(/(?:retrying the broker\n){120}/);
    await worker.end();
    expect(worker.runs()).toBe(1);
  });
});

test('a child that is stopped is cured', async () => {
  const folder = scratch();
  const worker = startWorker(folder, 0, 'none', ['--stale-after', '2s', '--stop-timeout', '500ms']);
  await worker.well('stale');
  const { childPid } = statusOf(folder, 'w');
  process.kill(childPid ?? 0, 'SIGSTOP');
  await worker.watcher.said(/stopping: stale/);
  await worker.up(2);
  await worker.well('stale');
  await worker.end();
});

test('a watcher that is stopped for longer than every threshold fails no probe when it wakes', async () => {
  const folder = scratch();
  const port = await freePort();
  const worker = startWorker(folder, port, 'none', [
    ...['--stale-after', '4s', '--progress-pattern', '^done', '--fresh-file', 'heart=4s', '--grow', 'out/*.json=4s'],
    ...['--health-timeout', '4s', '--health-retries', '4'],
    ...['--http', `http://127.0.0.1:${port}/`, '--port', `${port}`, '--check', 'true', '--max-memory', '1G'],
  ]);
  const all = ['stale', 'fresh:heart', 'grow:out/*.json', `port:${port}`, 'check:1', 'memory'];
  await worker.well(...all);
  // On a busy machine a probe may have failed before.
  const { childPid, restarts } = statusOf(folder, 'w');
  const runs = worker.runs();
  const saidBefore = worker.watcher.err().length;
  process.kill(worker.watcher.pid, 'SIGSTOP');
  // The child goes on until it waits for room in the pipe; how long is told by what it writes elsewhere.
  const since = Date.now();
  await until('it was stopped long enough', () => Date.now() - since > 10_000);
  process.kill(worker.watcher.pid, 'SIGCONT');
  const woke = Date.now();
  await until('every threshold has passed again', () => Date.now() - woke > 5000);
  expect(statusOf(folder, 'w')).toMatchObject({ childPid, restarts });
  await worker.well(...all);
  expect(worker.watcher.err().slice(saidBefore)).not.toMatch(/stopping: /);
  await worker.end();
  expect(worker.runs()).toBe(runs);
});

describe('a slow starter', () => {
  const timing = ['--health-interval', '500ms', '--health-retries', '2', '--health-timeout', '500ms'];
  const serve = (port: number, afterMs: number) => [
    process.execPath,
    '-e',
    `setTimeout(() => require('http').createServer().listen(${port}, '127.0.0.1'), ${afterMs}); setInterval(() => {}, 1000)`,
  ];

  test('is left alone inside its start period', async () => {
    const folder = scratch();
    const port = await freePort();
    const args = ['--name', 'w', '--port', `${port}`, '--health-start-period', '15s', ...timing];
    const watcher = startWatcher(folder, [...args, '--', ...serve(port, 2500)]);
    await phaseIs(folder, 'w', 'running');
    await until('it is well', () => statusOf(folder, 'w').health[0]?.ok === true);
    expect(statusOf(folder, 'w').restarts).toBe(0);
    expect(watcher.err()).not.toMatch(/stopping: /);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('that never comes up is ended after start period and retries × interval, not before', async () => {
    const folder = scratch();
    const port = await freePort();
    const args = ['--name', 'w', '--port', `${port}`, '--health-start-period', '2s', ...timing];
    const watcher = startWatcher(folder, [...args, '--', 'sleep', '1000']);
    await watcher.said(/was ended by SIGTERM after/);
    const [, amount = '', unit] = /SIGTERM after ([\d.]+) ?(ms|s)/.exec(watcher.err()) ?? [];
    const livedMs = Number(amount) * (unit === 's' ? 1000 : 1);
    expect(livedMs).toBeGreaterThanOrEqual(3000);
    expect(livedMs).toBeLessThan(3000 + 30_000);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});

test('20 rounds of a check that hangs and forks: never two at once, and nothing is left', async () => {
  const folder = scratch();
  const check =
    'echo x >> rounds; kill -0 $(cat last) && echo twice >> faults; echo $$ > last; sleep 100 & setsid sleep 100 & sleep 100';
  const args = ['--name', 'w', '--check', check, '--health-interval', '100ms', '--health-timeout', '250ms'];
  const patient = ['--health-retries', '1000', '--health-start-period', '0s'];
  const watcher = startWatcher(folder, [...args, ...patient, '--', 'sleep', '1000']);
  const mine = () => processesWithEnvironment(`AW_TEST_FOLDER=${folder}`).length;
  await until('20 rounds', () => {
    const path = join(folder, 'rounds');
    return existsSync(path) && readFileSync(path, 'utf8').length >= 40;
  });
  expect(existsSync(join(folder, 'faults'))).toBe(false);
  // The watcher, its child, and the round under way.
  expect(mine()).toBeLessThanOrEqual(2 + 4);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
  await until('nothing is left', () => mine() === 0);
});
