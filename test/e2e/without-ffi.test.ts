import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { startTicksOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf, testEnvironment } from '../support/watcher.ts';

/** The bundle under a Node that refuses node:ffi, as an older one does. */
const bundle = resolve(import.meta.dirname, '../../build/agent-watch.cjs');
const without = [process.execPath, '--no-experimental-ffi', bundle];

function look(folder: string, args: string[]) {
  const [program = '', ...before] = without;
  return spawnSync(program, [...before, ...args], { cwd: folder, env: testEnvironment(folder), encoding: 'utf8' });
}

test('without node:ffi a command is watched through crashes, a kill -9 of the watcher and a stop, without a warning', async () => {
  const folder = scratch();
  const script = 'echo "run $AGENT_WATCH_RUN"; [ $AGENT_WATCH_RUN -ge 2 ] && exec sleep 1000; exit 3';
  const args = ['--name', 'it', '--backoff', '10ms', '--', 'sh', '-c', script];
  const first = startWatcher(folder, args, { program: without });
  await first.printed(/^run 1\nrun 2\n$/);
  const { childPid } = await phaseIs(folder, 'it', 'running');
  expect(first.err()).toMatch(/exited with code 3/);
  expect(first.err()).not.toMatch(/Warning|fault|error/i);
  const startTicks = startTicksOf(childPid ?? 0);
  first.process.kill('SIGKILL');
  await first.ended;
  const second = startWatcher(folder, args, { program: without });
  await second.printed(/run 3/);
  await until('the first command is gone', () => startTicksOf(childPid ?? 0) !== startTicks);
  expect(run(folder, ['stop', 'it']).code).toBe(0);
  expect(await second.ended).toEqual({ code: 0, signal: null });
  expect(statusOf(folder, 'it').phase).toBe('stopped');
});

test('doctor says what is lost without node:ffi, and nothing of it with the executable', () => {
  const folder = scratch();
  expect(look(folder, ['doctor']).stdout).toMatch(
    /^note +system calls are not available \(Node v[\d.]+ has no node:ffi\)/m,
  );
  expect(run(folder, ['doctor']).out).not.toMatch(/system calls/);
});
