import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

test('a death by one is a crash with its name and 128+n, restarted under on-failure', async () => {
  const folder = scratch();
  const die = ['--restart', 'never', '--', 'sh', '-c', 'kill -34 $$'];
  expect(run(folder, ['--name', 'once', ...die]).code).toBe(162);
  expect(statusOf(folder, 'once').lastExit).toMatchObject({ code: null, signal: 'SIGRTMIN', cause: 'crash' });
  const script = '[ $AGENT_WATCH_RUN -ge 2 ] && exec sleep 1031; kill -40 $$';
  const args = ['--name', 'again', '--restart', 'on-failure', '--backoff', '10ms', '--', 'sh', '-c', script];
  const watcher = startWatcher(folder, args);
  await watcher.said(/SIGRTMIN\+6[\s\S]*run 2/);
  watcher.process.kill('SIGTERM');
  expect((await watcher.ended).code).toBe(0);
});

test('exit codes and other signals are reported correctly, however quickly they come', () => {
  const folder = scratch();
  for (const [script, code] of [
    ['exit 0', 0],
    ['exit 7', 7],
    ['kill -TERM $$', 143],
    ['kill -SEGV $$', 139],
    ['sleep 0.2; kill -64 $$', 192],
  ] as const)
    expect(run(folder, ['--name', 'quick', '--restart', 'never', '--', 'sh', '-c', script]).code, script).toBe(code);
});

test('a check that dies of one fails', async () => {
  const folder = scratch();
  const timing = ['--health-interval', '100ms', '--health-start-period', '0s', '--health-retries', '50'];
  const watcher = startWatcher(folder, ['--name', 'bot', ...timing, '--check', 'kill -40 $$', '--', 'sleep', '1032']);
  await phaseIs(folder, 'bot', 'running');
  await until('the check has failed', () =>
    statusOf(folder, 'bot').health.some(row => /SIGRTMIN\+6|168/.test(row.detail)),
  );
  watcher.process.kill('SIGTERM');
  await watcher.ended;
});

test('one is sent by --stop-signal, and by signal', async () => {
  const folder = scratch();
  const python = `import signal, time
def heard(number, frame):
    open('got', 'a').write(f'{number}\\n')
    if number == 37: raise SystemExit(0)
for number in (37, 40): signal.signal(number, heard)
print('ready', flush=True)
while True: time.sleep(0.02)`;
  const args = ['--name', 'bot', '--stop-signal', 'RTMIN+3', '--stop-timeout', '1h', '--', 'python3', '-c', python];
  const watcher = startWatcher(folder, args);
  await watcher.printed(/ready/);
  await phaseIs(folder, 'bot', 'running');
  expect(run(folder, ['signal', 'bot', 'SIGRTMIN+6']).code).toBe(0);
  const got = () => readFileSync(join(folder, 'got'), 'utf8');
  await until('it was heard', () => got() === '40\n');
  expect(run(folder, ['stop', 'bot']).code).toBe(0);
  expect(got()).toBe('40\n37\n');
  expect((await watcher.ended).code).toBe(0);
  expect(run(folder, ['--stop-signal', 'SIGRTMIN+31', '--', 'true']).err).toMatch(/unknown signal "SIGRTMIN\+31"/);
});
