import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

describe('a child that ends', () => {
  test('is started again, and each line says what happened and what comes next', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      '--name',
      'bot',
      '--backoff',
      '50ms',
      '--',
      'sh',
      '-c',
      'echo run $AGENT_WATCH_RUN; exit 3',
    ]);
    await watcher.printed(/run 3/);
    await watcher.said(/exited with code 3 after [\d.]+m?s; restart 1 in 50ms/);
    await watcher.said(/restart 2 in 100ms/);
    await watcher.said(/restart 3 in 200ms/);
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });

  test('ends the watcher with its own code under --restart never, 128+n for a signal', () => {
    const folder = scratch();
    expect(run(folder, ['--restart', 'never', '--', 'sh', '-c', 'exit 7']).code).toBe(7);
    expect(run(folder, ['--restart', 'never', '--', 'sh', '-c', 'kill -9 $$']).code).toBe(137);
    expect(run(folder, ['--restart', 'on-failure', '--', 'true']).code).toBe(0);
  });

  test('continues after success under the default, and reports it once', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      '--name',
      'ok',
      '--backoff',
      '0ms',
      '--flap-threshold',
      '0',
      '--',
      'sh',
      '-c',
      'echo $AGENT_WATCH_RUN',
    ]);
    await watcher.printed(/^4$/m);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(watcher.err().match(/--restart on-failure/g)).toHaveLength(1);
  });

  test('that exits successfully at once, again and again, is given a cooldown and called no crash', async () => {
    const folder = scratch();
    const alerts = join(folder, 'alerts.txt');
    const options = ['--name', 'brisk', '--backoff', '1ms', '--alert-file', alerts];
    const watcher = startWatcher(folder, [...options, '--', 'true']);
    await watcher.said(/exited with code 0 after [\d.]+m?s; 5 short runs within 5m: cooling down for 10m/);
    const alert = await until('it is alerted', () => existsSync(alerts) && readFileSync(alerts, 'utf8'));
    expect(alert).toMatch(/brisk keeps exiting \(5 times in the window\): exit code 0; next start in 10m/);
    expect(alert).toMatch(/If its work is done then, use --restart on-failure/);
    const { out } = run(folder, ['incidents', 'show', statusOf(folder, 'brisk').lastIncidentId ?? '']);
    expect(out).toMatch(/5 short runs within 5m led to a cooldown/);
    expect(`${watcher.err()}${alert}${out}`).not.toMatch(/crash/);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('that keeps crashing is given a cooldown, which a stop ends', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'flap', '--backoff', '1ms', '--', 'false']);
    const status = await phaseIs(folder, 'flap', 'cooldown');
    expect(status.crashesInWindow).toBe(5);
    expect(status.backoffMs).toBe(600_000);
    await watcher.said(/5 crashes within 5m: cooling down for 10m/);
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(statusOf(folder, 'flap').phase).toBe('stopped');
  });

  test('with a code of --hold-codes is held until reset, with and without a watcher', async () => {
    const folder = scratch();
    const args = ['--name', 'cfg', '--hold-codes', '78', '--', 'sh', '-c', 'echo ran >> ran; exit 78'];
    const first = startWatcher(folder, args);
    await phaseIs(folder, 'cfg', 'held');
    first.process.kill('SIGKILL');
    await first.ended;
    const second = startWatcher(folder, args);
    await second.said(/held since/);
    expect(readFileSync(join(folder, 'ran'), 'utf8')).toBe('ran\n');
    expect(run(folder, ['reset', 'cfg']).code).toBe(0);
    await until('it ran again', () => readFileSync(join(folder, 'ran'), 'utf8') === 'ran\nran\n');
    second.process.kill('SIGTERM');
    await second.ended;
    expect(run(folder, ['reset', 'cfg']).code).toBe(0);
    expect(statusOf(folder, 'cfg').holdReason).toBeNull();
  });

  test('held with --on-hold exit ends the watcher with 69', () => {
    const folder = scratch();
    const ended = run(folder, [
      '--name',
      'm',
      '--on-hold',
      'exit',
      '--max-restarts',
      '2',
      '--backoff',
      '1ms',
      '--',
      'false',
    ]);
    expect(ended.code).toBe(69);
    expect(ended.err).toMatch(/2 restarts in a row/);
  });
});

describe('requests', () => {
  test('restart, signal and stop reach the child', async () => {
    const folder = scratch();
    const script = 'trap "echo got usr1" USR1; echo up $AGENT_WATCH_RUN; while :; do sleep 0.05; done';
    const watcher = startWatcher(folder, ['--name', 'live', '--', 'sh', '-c', script]);
    await watcher.printed(/up 1/);
    expect(run(folder, ['signal', 'live', 'USR1']).code).toBe(0);
    await watcher.printed(/got usr1/);
    expect(run(folder, ['restart', 'live']).code).toBe(0);
    await watcher.printed(/up 2/);
    expect(statusOf(folder, 'live')).toMatchObject({ phase: 'running', restarts: 0, lastExit: { cause: 'restarted' } });
    expect(run(folder, ['stop', 'live']).code).toBe(0);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    const again = run(folder, ['stop', 'live']);
    expect(again.code).toBe(0);
    expect(again.err + again.out).toMatch(/not running/);
  });

  test('for an unknown name name the nearest one', () => {
    const folder = scratch();
    run(folder, ['--name', 'trader', '--restart', 'never', '--', 'true']);
    const answer = run(folder, ['stop', 'tradr']);
    expect(answer.code).toBe(4);
    expect(answer.err).toMatch(/no service named "tradr"; did you mean trader\?/);
  });
});
