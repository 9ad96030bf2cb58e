import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { lives } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, testEnvironment } from '../support/watcher.ts';

const put = (folder: string, cash: number) => writeFileSync(join(folder, 'm.json'), JSON.stringify({ cash }));

const noMount =
  missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt') ?? missing('nsenter', '--version');

describe.skipIf(noMount !== null)(`on a full disk${because(noMount)}`, () => {
  test('it is stopped and held, also by the next watcher', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'disk'));
    put(folder, 100);
    const script = 'mount -t tmpfs -o size=1m none disk; exec sleep 1000';
    const holder = spawn('unshare', ['-m', 'sh', '-c', script], {
      cwd: folder,
      env: testEnvironment(folder),
      stdio: 'ignore',
    });
    // A working folder given from outside would lie under the mount: it is entered inside.
    const enter = ['sh', '-c', `cd ${folder} && exec "$0" "$@"`];
    const within = ['-t', String(holder.pid), '-m', '--', ...enter];
    const env = testEnvironment(folder, { AGENT_WATCH_STATE_DIR: `${folder}/disk/state` });
    const inside = (...command: string[]) =>
      execFileSync('nsenter', [...within, ...command], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    await until('the disk is there', () => inside('sh', '-c', 'grep -c disk /proc/self/mounts || true').trim() === '1');
    const args = ['--name', 'bot', '--health-interval', '200ms', '--kill-when', 'cash < $20', '--metrics', 'm.json'];
    const start = (): ChildProcess =>
      spawn('nsenter', [...within, executable, ...args, '--', 'sh', '-c', 'echo run >> runs; exec sleep 1000'], {
        env,
        stdio: 'ignore',
      });
    const status = () => {
      const out = inside('sh', '-c', `"${executable}" status bot --json || true`);
      return out === '' ? null : JSON.parse(out)[0];
    };
    const first = start();
    await until('it sees', () => status()?.health[0]?.ok === true);
    inside('sh', '-c', 'dd if=/dev/zero of=disk/filler bs=4k count=1024 2> /dev/null || true');
    const { childPid } = status();
    put(folder, 15);
    await until('the child is gone', () => !lives(childPid));
    const { holdReason } = await until('it is held', () => {
      const now = status();
      return now?.phase === 'held' && now;
    });
    expect(holdReason).toMatch(/cash 15/);
    put(folder, 100);
    for (let watcher = first; ; watcher = start()) {
      await until('it is held by a watcher', () => status()?.phase === 'held' && status()?.watcherPid !== null);
      const gone = new Promise(resolve => watcher.once('close', resolve));
      process.kill(status().watcherPid, 'SIGKILL');
      await gone;
      if (watcher !== first) break;
    }
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('run\n');
    holder.kill('SIGKILL');
  });
});
