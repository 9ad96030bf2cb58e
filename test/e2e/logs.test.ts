import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

const logBytes = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder).filter(name => !name.endsWith('.times')) : [])
    .filter(name => name.startsWith('output.log'))
    .reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);

describe('the log', () => {
  test('holds the last bytes of a killed run, both streams, newline or not', () => {
    const folder = scratch();
    run(folder, [
      '--name',
      'x',
      '--restart',
      'never',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; printf last; kill -9 $$',
    ]);
    expect(readFileSync(join(folder, 'state/x/output.log'), 'utf8')).toContain('out\nlast');
    expect(run(folder, ['logs', 'x']).out).toContain('err\n');
    run(folder, ['--name', 'y', '--restart', 'never', '--', 'sh', '-c', 'seq 1 500; printf last']);
    expect(run(folder, ['logs', 'y', '-n', '3']).out).toBe('499\n500\nlast');
    expect(run(folder, ['logs', 'y']).out.split('\n')).toHaveLength(100);
  });

  test('stays below its bound whatever is written: 300 MiB into 1M and 3 rotated files', async () => {
    const folder = scratch();
    const args = ['--name', 'big', '--restart', 'never', '--log-max-size', '1M', '--log-keep', '3'];
    const watcher = startWatcher(folder, [...args, '--', 'sh', '-c', 'yes | head -c 314572800'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let most = 0;
    const looked = until('it ends', () => {
      most = Math.max(most, logBytes(join(folder, 'state/big')));
      return watcher.process.exitCode !== null;
    }).catch(() => {});
    expect(await watcher.ended).toMatchObject({ code: 0 });
    await looked;
    expect(most).toBeGreaterThan(1024 * 1024);
    expect(most).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  test('of `yes` at default settings never exceeds six files of 10 MB', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'yes', '--', 'yes'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const end = performance.now() + 10_000;
    let most = 0;
    await until('ten seconds of it', () => {
      most = Math.max(most, logBytes(join(folder, 'state/yes')));
      return performance.now() > end;
    });
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toMatchObject({ code: 0 });
    expect(most).toBeGreaterThan(20 * 1024 * 1024);
    expect(most).toBeLessThanOrEqual(60 * 1024 * 1024);
  });

  test('is followed over rotations without a lost or doubled line', async () => {
    const folder = scratch();
    const script =
      'i=0; while [ $i -lt 6000 ]; do echo "line $i of some length to fill the files"; until [ -e go ]; do sleep 0.05; done; i=$((i+1)); [ $((i % 200)) = 0 ] && sleep 0.15; done; sleep 60';
    const watcher = startWatcher(folder, [
      '--name',
      'rot',
      '--log-max-size',
      '32K',
      '--log-keep',
      '5',
      '--',
      'sh',
      '-c',
      script,
    ]);
    await watcher.printed(/line 0 /);
    const follower = startWatcher(folder, ['logs', 'rot', '-f', '-n', '100000']);
    await follower.printed(/line 0 /);
    writeFileSync(join(folder, 'go'), '');
    await follower.printed(/line 5999 /);
    follower.process.kill('SIGINT');
    await follower.ended;
    expect(logBytes(join(folder, 'state/rot'))).toBeLessThanOrEqual(6 * 32 * 1024);
    const numbers = follower
      .out()
      .trim()
      .split('\n')
      .map(line => Number(/line (\d+)/.exec(line)?.[1]));
    expect(numbers).toEqual(Array.from({ length: 6000 }, (_, index) => index));
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('whose folder is removed while running continues, counted, and the output is whole', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'go'));
    const script =
      'echo up; while [ -d go ]; do sleep 0.05; done; head -c 52428800 /dev/zero; echo; echo done >&2; while :; do echo tick >&2; sleep 0.05; done';
    const watcher = startWatcher(folder, ['--name', 'gone', '--', 'sh', '-c', script]);
    await watcher.printed(/up/);
    await until('the log is there', () => readdirSync(join(folder, 'state/gone')).includes('output.log'));
    rmSync(join(folder, 'state'), { recursive: true });
    rmSync(join(folder, 'go'), { recursive: true });
    await watcher.said(/done/);
    await until('the log is made again', () => logBytes(join(folder, 'state/gone')) > 0).catch(() => {
      throw new Error(watcher.err().slice(-1000));
    });
    const status = await until('the state is saved again', () => {
      const row = JSON.parse(run(folder, ['status', '--json']).out)[0];
      return row?.phase === 'running' && row.logDroppedBytes > 0 ? row : false;
    });
    expect(status.name).toBe('gone');
    expect(
      createHash('sha256')
        .update(watcher.out().replaceAll(/up\n|\n/g, ''))
        .digest('hex'),
    ).toBe(createHash('sha256').update('\0'.repeat(52_428_800)).digest('hex'));
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toMatchObject({ code: 0 });
    expect(statusOf(folder, 'gone').phase).toBe('stopped');
  });

  test('goes raw into a pipe', () => {
    const folder = scratch();
    run(folder, ['--name', 'esc', '--restart', 'never', '--', 'printf', '\\033]0;title\\007\\033[31mred\\033[0m\\n']);
    expect(run(folder, ['logs', 'esc']).out).toBe('\u001b]0;title\u0007\u001b[31mred\u001b[0m\n');
  });
});
