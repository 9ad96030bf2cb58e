import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

/** A program that says that and ends so. */
const says = (line: string, code = 1) => ['--', 'sh', '-c', `printf '%s\\n' "$1"; exit ${code}`, 'sh', line];
const limited = "You've hit your usage limit. Try again in 3 hours.";
const stopped = (folder: string, name: string) => expect(run(folder, ['stop', name]).code).toBe(0);

describe('a usage limit', () => {
  test('with a time is waited out in the phase limited: one incident, one alert, no crash', async () => {
    const folder = scratch();
    const alerts = join(folder, 'alerts');
    startWatcher(folder, ['--name', 'agent', '--alert-file', alerts, ...says(limited, 0)]);
    const before = Date.now();
    const status = await phaseIs(folder, 'agent', 'limited');
    const end = Date.parse(status.limit?.until ?? '');
    expect(end - before).toBeGreaterThan(3 * 3_600_000 - 60_000);
    expect(end - before).toBeLessThan(3 * 3_600_000 + 60_000);
    const start = Date.parse(status.nextStartAt ?? '') - end;
    expect(start).toBeGreaterThanOrEqual(60_000);
    expect(start).toBeLessThanOrEqual(120_000);
    expect(status).toMatchObject({
      crashesInWindow: 0,
      lastExit: { code: 0, cause: 'limited' },
      limit: { cause: 'rate-limited', line: limited },
    });
    const incident = await until('there is one', () => incidentsOf(folder, 'agent')[0]);
    expect(incident).toMatchObject({ kind: 'limited', category: 'rate-limited', keyLine: limited, recoveredAt: null });
    const alert = await until('it is told', () => /hit a limit.*/.exec(readFileSync(alerts, 'utf8'))?.[0]);
    expect(alert).toContain('usage limit');
    expect(run(folder, ['health', 'agent'])).toMatchObject({ code: 0, out: expect.stringContaining('ok') });
    expect(run(folder, ['status', 'agent']).out).toContain('usage limit');
    const { out } = run(folder, ['diagnose', 'agent', '--json']);
    expect(JSON.parse(out)).toMatchObject({ next: { action: 'wait', until: status.limit?.until } });
    stopped(folder, 'agent');
    expect(statusOf(folder, 'agent')).toMatchObject({ phase: 'stopped', limit: null });
  });

  test('that a run waits out in silence is waited out without it, once it is stopped for the silence', async () => {
    const folder = scratch();
    const line = 'Attempt 1 failed: You have exhausted your capacity on this model. Retrying after 7200000ms...';
    const health = ['--stale-after', '2s', '--stop-timeout', '1s'];
    const before = Date.now();
    const waits = ['sh', '-c', `echo '${line}'; trap 'exit 0' TERM; sleep 1000 & wait`];
    startWatcher(folder, ['--name', 'agent', ...health, '--', ...waits]);
    const status = await phaseIs(folder, 'agent', 'limited');
    expect(status).toMatchObject({ crashesInWindow: 0, lastExit: { cause: 'limited' }, limit: { line } });
    // Its words are as old as the silence.
    const end = Date.parse(status.limit?.until ?? '');
    expect(Math.abs(end - before - 7_200_000)).toBeLessThan(60_000);
    expect(await until('an incident', () => incidentsOf(folder, 'agent')[0])).toMatchObject({ kind: 'limited' });
    stopped(folder, 'agent');
  });

  test('without a time is tried again, and health says that its end is not known', async () => {
    const folder = scratch();
    startWatcher(folder, ['--name', 'agent', ...says('Credit balance is too low')]);
    const { nextStartAt, limit } = await phaseIs(folder, 'agent', 'limited');
    expect(limit?.until).toBeNull();
    expect(Math.abs(Date.parse(nextStartAt ?? '') - Date.now() - 15 * 60_000)).toBeLessThan(60_000);
    expect(run(folder, ['health', 'agent'])).toMatchObject({ code: 1, out: expect.stringContaining('Credit balance') });
    stopped(folder, 'agent');
  });

  test('that ends in seconds is an ordinary restart which waits for it', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      '--name',
      'agent',
      '--backoff',
      '10ms',
      ...says('Error: 429 Too Many Requests, retry after 2'),
    ]);
    await watcher.said(/restart 1 in (?:1\.\d|2)\s?s/);
    expect((await phaseIs(folder, 'agent', 'backoff')).lastExit?.cause).toBe('crash');
    stopped(folder, 'agent');
  });

  test('survives kill -9 and a TERM of the watcher; restart and reset end it', async () => {
    const folder = scratch();
    const args = ['--name', 'agent', ...says(limited)];
    const first = startWatcher(folder, args);
    const { limit } = await phaseIs(folder, 'agent', 'limited');
    first.process.kill('SIGKILL');
    await first.ended;
    const second = startWatcher(folder, args);
    await second.said(/resuming the limited wait of the previous watcher/);
    expect((await phaseIs(folder, 'agent', 'limited')).limit).toEqual(limit);
    second.process.kill('SIGTERM');
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect(statusOf(folder, 'agent').phase).toBe('stopped');
    const third = startWatcher(folder, args);
    const waiting = await phaseIs(folder, 'agent', 'limited');
    expect(waiting).toMatchObject({ limit, restarts: 0 });
    expect(run(folder, ['restart', 'agent']).code).toBe(0);
    await third.said(/run 2/);
    await phaseIs(folder, 'agent', 'limited');
    expect(run(folder, ['reset', 'agent']).code).toBe(0);
    await third.said(/run 3/);
    stopped(folder, 'agent');
    await third.ended;
  });

  test('in a JSON event stream is read by its event: the epoch beats the words', async () => {
    const folder = scratch();
    const resetsAt = Math.floor(Date.now() / 1000) + 7200;
    const events = [
      { type: 'rate_limit_event', rate_limit_info: { status: 'rejected', resetsAt, rateLimitType: 'five_hour' } },
      { type: 'result', subtype: 'success', is_error: true, result: "You've hit your session limit" },
    ];
    writeFileSync(join(folder, 'events'), events.map(event => `${JSON.stringify(event)}\n`).join(''));
    startWatcher(folder, ['--name', 'agent', '--', 'sh', '-c', 'cat events; exit 0']);
    const { limit } = await phaseIs(folder, 'agent', 'limited');
    expect(limit?.until).toBe(new Date(resetsAt * 1000).toISOString());
    stopped(folder, 'agent');
  });

  test('that is only talked about is none', () => {
    const folder = scratch();
    const talk = '{"type":"result","is_error":false,"result":"The usage limit is reached at 3pm."}';
    expect(run(folder, ['--name', 'agent', '--restart', 'on-failure', ...says(talk, 0)]).code).toBe(0);
    expect(statusOf(folder, 'agent').lastExit?.cause).toBe('success');
  });

  test('under --restart never ends the watcher, with 1 for exit code 0', () => {
    const folder = scratch();
    expect(run(folder, ['--name', 'agent', '--restart', 'never', ...says(limited, 0)]).code).toBe(1);
    expect(incidentsOf(folder, 'agent')).toMatchObject([{ kind: 'limited' }]);
  });
});

describe('a refused login', () => {
  test('is a crash once; the second begins a wait with one alert; after the login one recovery', async () => {
    const folder = scratch();
    const alerts = join(folder, 'alerts');
    const script = 'if [ -e token ]; then sleep 1000; fi; echo "Not logged in"; exit 1';
    const options = [
      '--backoff',
      '10ms',
      '--healthy-after',
      '300ms',
      // Only who is logged in can be healthy, however slowly the others fail.
      ...['--check', 'test -e token', '--health-interval', '200ms'],
      '--on-cause',
      'auth-failed=wait:1s',
      '--alert-file',
      alerts,
    ];
    startWatcher(folder, ['--name', 'agent', ...options, '--', 'sh', '-c', script]);
    const status = await phaseIs(folder, 'agent', 'limited');
    expect(status).toMatchObject({
      crashesInWindow: 1,
      limit: { cause: 'auth-failed', until: null, line: 'Not logged in' },
    });
    expect(run(folder, ['health', 'agent']).code).toBe(1);
    await until('it was tried twice more', () => statusOf(folder, 'agent').restarts >= 3 || undefined);
    writeFileSync(join(folder, 'token'), '');
    await phaseIs(folder, 'agent', 'healthy');
    const told = await until('it is told', () => {
      const lines = readFileSync(alerts, 'utf8');
      return lines.includes('recovered') ? lines : undefined;
    });
    expect(told.match(/log in again/g)).toHaveLength(1);
    expect(told.match(/recovered/g)).toHaveLength(1);
    stopped(folder, 'agent');
  });
});

test('an is_error of the last JSON event makes a failure of exit code 0', () => {
  const folder = scratch();
  const event = '{"type":"result","subtype":"error_during_execution","is_error":true}';
  const { code } = run(folder, ['--name', 'agent', '--restart', 'never', ...says(event, 0)]);
  expect(code).toBe(1);
  expect(statusOf(folder, 'agent').lastExit).toMatchObject({ code: 0, cause: 'crash' });
});

test('--on-cause hold holds after that cause; what it does not know is refused with the nearest', async () => {
  const folder = scratch();
  const wrong = run(folder, ['--on-cause', 'rate-limit=wait', '--', 'true']);
  expect(wrong).toMatchObject({ code: 125, err: expect.stringContaining('did you mean rate-limited?') });
  startWatcher(folder, ['--name', 'agent', '--on-cause', 'auth-failed=hold', ...says('Not logged in')]);
  expect((await phaseIs(folder, 'agent', 'held')).holdReason).toContain('auth-failed');
  stopped(folder, 'agent');
});
