import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, startWatcher, statusOf } from '../support/watcher.ts';

const noMount =
  process.getuid?.() === 0
    ? missing('python3', '-c', 'open("/dev/fuse", "r+b", 0)')
    : 'only root can mount a file system';

const KILL_WHEN = ['--kill-when', 'loss > 10', '--health-interval', '200ms', '--metrics-max-age', '2s'];

/** A folder whose file system never answers, until the test is over. */
async function hungFolder(): Promise<string> {
  const folder = join(scratch(), 'mount');
  mkdirSync(folder);
  const fixture = resolve(import.meta.dirname, '../fixtures/hung-mount.py');
  const mount = spawn('python3', [fixture, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    mount.stdin.end();
    await once(mount, 'close');
  });
  await once(mount.stdout, 'data');
  return folder;
}

describe('a FIFO in the place of a file', () => {
  test('metrics count as missing, which trips where that was requested, and the watcher can be stopped', async () => {
    const folder = scratch();
    const metrics = join(folder, 'm.json');
    writeFileSync(metrics, '{"loss": 1}');
    const swap = `sleep 1; rm ${metrics}; mkfifo ${metrics}; exec sleep 60`;
    const options = ['--name', 'bot', '--metrics', metrics, ...KILL_WHEN, '--kill-when-blind', '--backoff', '0ms'];
    const watcher = startWatcher(folder, [...options, '--', 'sh', '-c', swap]);
    const { holdReason } = await phaseIs(folder, 'bot', 'held');
    expect(holdReason).toMatch(/too old|not a regular file/);
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });

  test('it is not waited for before a start', async () => {
    const folder = scratch();
    const options = ['--name', 'bot', '--metrics', 'm.json', ...KILL_WHEN, '--restart', 'never'];
    const mkfifo = spawn('mkfifo', [join(folder, 'm.json')]);
    await once(mkfifo, 'exit');
    const watcher = startWatcher(folder, [...options, '--', 'true']);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(watcher.err()).toContain('not a regular file');
  });

  test('one that lies where the log is written keeps neither the output nor the end waiting', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'state/bot'), { recursive: true, mode: 0o700 });
    await once(spawn('mkfifo', [join(folder, 'state/bot/output.log')]), 'exit');
    const watcher = startWatcher(folder, ['--name', 'bot', '--restart', 'never', '--', 'echo', 'words']);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(watcher.out()).toBe('words\n');
    expect(watcher.err()).toMatch(/log on disk/);
  });
});

describe(`a file system that never answers${because(noMount)}`, () => {
  test.skipIf(noMount !== null)('holds up neither judgement, nor other probes, nor a stop', async () => {
    const mount = await hungFolder();
    const folder = scratch();
    writeFileSync(join(folder, 'beat'), '');
    const files = ['--fresh-file', `${mount}/beat=1s`, '--grow', `${mount}/*.out=1s`, '--min-disk', `1K=${mount}`];
    const more = Array.from({ length: 4 }, (_, index) => ['--fresh-file', `${mount}/${index}=1h`]).flat();
    const timing = ['--health-timeout', '500ms', '--health-start-period', '1s', '--health-retries', '1'];
    const probes = [...files, ...more, '--fresh-file', `${join(folder, 'beat')}=1h`, ...timing];
    const metrics = ['--metrics', `${mount}/m.json`, ...KILL_WHEN];
    const watcher = startWatcher(folder, [
      '--name',
      'bot',
      ...metrics,
      ...probes,
      '--',
      'sh',
      '-c',
      'echo up; sleep 60',
    ]);
    await watcher.printed(/up/);
    await watcher.said(/gave no answer/);
    await watcher.said(/disk:? .*has not answered/);
    await until('the log on disk is written', () => statusOf(folder, 'bot').lastIncidentId !== null);
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });
});
