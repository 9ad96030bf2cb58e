import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { because, missing } from '../support/fixture.ts';
import { lives, startTicksOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { startWatcher, testEnvironment, type Watcher } from '../support/watcher.ts';

/**
 * The bundle as it runs on a system that is not Linux: without /proc, with the ps of a BSD, and without calls into libc. Everything
 * but what differs between kernels themselves.
 */
const bundle = [process.execPath, '--no-experimental-ffi', resolve(import.meta.dirname, '../../build/agent-watch.cjs')];
const tools = resolve(import.meta.dirname, '../support/without-proc');
const noNamespace =
  process.getuid?.() === 0
    ? (missing('unshare', '-m', 'umount', '--lazy', '/proc') ?? missing('/bin/ps', '--version'))
    : 'only root can make a mount namespace';

interface Portable {
  folder: string;
  watch(...args: string[]): Watcher;
  look(...args: string[]): SpawnSyncReturns<string>;
  status(): Status;
  is(phase: Status['phase']): Promise<Status>;
}

/** A system without /proc, whose state is in a folder too deep for the address of a socket. */
function portable(): Portable {
  const folder = scratch();
  cpSync(tools, join(folder, 'tools'), { recursive: true });
  const before = ['unshare', '-m', join(folder, 'tools/enter'), join(folder, 'tools')];
  const env = { AGENT_WATCH_STATE_DIR: join(folder, 'deep'.repeat(25), 'state') };
  const look = (...args: string[]) => {
    const [program = '', ...rest] = [...before, ...bundle, ...args];
    return spawnSync(program, rest, {
      cwd: folder,
      env: testEnvironment(folder, env),
      encoding: 'utf8',
      timeout: 60_000,
    });
  };
  const rows = (): Status[] => JSON.parse(look('status', 'it', '--json').stdout || '[]');
  return {
    folder,
    watch: (...args) => startWatcher(folder, ['--name', 'it', ...args], { before, program: bundle, env }),
    look,
    status: () => rows()[0] as Status,
    is: phase => until(`it is ${phase}`, () => rows().find(row => row.phase === phase) ?? false),
  };
}

/** Two processes beside the shell: one in its group, and one that left group and session. */
const TREE = 'sleep 3000 & echo "in $!"; setsid sleep 3001 & echo "out $!"; echo "run $AGENT_WATCH_RUN"; wait';

function treeIn(watcher: Watcher): { pid: number; ticks: number }[] {
  return [...watcher.out().matchAll(/^(?:in|out) (\d+)$/gm)].map(([, pid]) => ({
    pid: Number(pid),
    ticks: startTicksOf(Number(pid)),
  }));
}

const gone = (tree: ReturnType<typeof treeIn>) =>
  tree.every(({ pid, ticks }) => ticks > 0 && !(lives(pid) && startTicksOf(pid) === ticks));

describe.skipIf(noNamespace)(`without /proc${because(noNamespace)}`, () => {
  test('a crash is followed by a restart, and status, health, logs and incidents tell of it', async () => {
    const { watch, look, is, status } = portable();
    const watcher = watch(
      '--backoff',
      '20ms',
      '--max-memory',
      '1G',
      '--',
      'sh',
      '-c',
      'echo "run $AGENT_WATCH_RUN"; [ "$AGENT_WATCH_RUN" -ge 2 ] || exit 3; sleep 3000',
    );
    await watcher.printed(/^run 1\nrun 2\n$/);
    const { childPid, watcherPid } = await is('running');
    expect(lives(childPid ?? 0)).toBe(true);
    expect(watcherPid).toBe(watcher.pid);
    await until('its memory is known', () => /in 2 processes/.test(status().health[0]?.detail ?? ''));
    expect(look('health').status).toBe(0);
    expect(look('logs', 'it').stdout).toBe('run 1\nrun 2\n');
    expect(JSON.parse(look('incidents', '--json').stdout)).toMatchObject([{ kind: 'crash', exit: { code: 3 } }]);
    expect(look('--name', 'it', '--', 'true').status).toBe(75);
    expect(watcher.err()).not.toMatch(/internal error|cannot be/);
    expect(look('stop', 'it').status).toBe(0);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });

  test('restart and stop end the whole process tree, what left its session included', async () => {
    const { watch, look, status } = portable();
    const watcher = watch('--', 'sh', '-c', TREE);
    await watcher.printed(/run 1\n/);
    const first = treeIn(watcher);
    expect(first).toHaveLength(2);
    expect(look('restart', 'it')).toMatchObject({ status: 0, stdout: expect.stringMatching(/restarted, pid \d+/) });
    await watcher.printed(/run 2\n/);
    expect(gone(first)).toBe(true);
    expect(status()).toMatchObject({ phase: 'running' });
    const second = treeIn(watcher).slice(2);
    expect(look('stop', 'it').status).toBe(0);
    expect(gone(second)).toBe(true);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(status().phase).toBe('stopped');
  });

  test('after a kill -9 of the watcher the next one ends what is left, and starts the command', async () => {
    const { watch, look, status } = portable();
    const first = watch('--', 'sh', '-c', 'sleep 3000 & echo "in $!"; echo "run $AGENT_WATCH_RUN"; wait');
    await first.printed(/run 1\n/);
    const left = treeIn(first);
    first.process.kill('SIGKILL');
    await first.ended;
    expect(status().phase).toBe('lost');
    const second = watch('--', 'sh', '-c', 'echo "run $AGENT_WATCH_RUN"; exec sleep 3000');
    await second.printed(/run 2\n/);
    expect(gone(left)).toBe(true);
    second.process.kill('SIGTERM');
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect(look('health').status).toBe(0);
  });

  test('a run that exceeds its memory is stopped, and start and stop work in the background', async () => {
    const { look, is } = portable();
    const hog = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(8e6, 1)), 20);';
    const limits = ['--max-memory', '150M', '--health-interval', '100ms', '--health-retries', '1', '--backoff', '1h'];
    const started = look('start', '--name', 'it', ...limits, '--', process.execPath, '-e', hog);
    expect({ status: started.status, said: started.stderr }).toMatchObject({ status: 0 });
    expect(await is('backoff')).toMatchObject({ lastExit: { cause: 'limit' } });
    expect(look('stop', 'it').status).toBe(0);
  });

  test('doctor names what is missing', () => {
    expect(portable().look('doctor').stdout).toMatch(/\/proc cannot be read/);
  });
});
