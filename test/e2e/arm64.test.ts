import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { testEnvironment } from '../support/watcher.ts';

/** The executable for the other architecture, run by an emulator of user programs, with that architecture's libraries. */
const built = resolve(import.meta.dirname, '../../build/agent-watch-linux-arm64');
const emulator = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', built] as const;
const [qemu, ...before] = emulator;
const reason = existsSync(built)
  ? (missing(qemu, '--version') ??
    (existsSync('/usr/aarch64-linux-gnu/lib/libstdc++.so.6') ? null : 'libstdc++6-arm64-cross is not here'))
  : 'npm run release makes build/agent-watch-linux-arm64';
// Ten times slower than the real thing, or more.
const patienceMs = 60_000;

test.skipIf(reason)(`on arm64 it watches a command through crashes and an orderly stop${because(reason)}`, async () => {
  const folder = scratch();
  const script = 'echo "run $AGENT_WATCH_RUN"; [ $AGENT_WATCH_RUN -ge 3 ] && exec sleep 300; exit 3';
  const args = ['--name', 'arm', '--backoff', '10ms', '--', 'sh', '-c', script];
  const child = spawn(qemu, [...before, ...args], {
    env: testEnvironment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', bytes => (out += bytes));
  child.stderr.on('data', bytes => (err += bytes));
  const code = new Promise(done => child.once('close', done));
  await until('the third run', () => out === 'run 1\nrun 2\nrun 3\n');
  expect(err).toMatch(/exited with code 3.*restart 1 in 10ms/);
  const asked = spawnSync(qemu, [...before, 'status', 'arm', '--json'], {
    env: testEnvironment(folder),
    encoding: 'utf8',
    timeout: patienceMs,
  });
  // Not its phase: the emulator makes up /proc/self/stat, so a watcher's own start time is not what others see.
  expect(JSON.parse(asked.stdout)[0]).toMatchObject({ name: 'arm', restarts: 2, lastExit: { code: 3 } });
  child.kill('SIGTERM');
  expect(await code).toBe(0);
  expect(err).toMatch(/stopping/);
});
