import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

/** State folders whose watchers were killed, recorded by scripts/record-state from executables of that time. */
const recorded = resolve(import.meta.dirname, '../fixtures/state');
const backoff = ['--backoff', '3650d', '--backoff-max', '3650d'];
const failing = ['--', 'sh', '-c', 'echo "run $AGENT_WATCH_RUN fails"; exit 3'];

/** A copy in a folder of the test's own, with the modes that git does not keep. */
function takenOver(version: string): string {
  const folder = scratch();
  cpSync(join(recorded, version), join(folder, 'state'), { recursive: true });
  spawnSync('chmod', ['-R', 'go=', join(folder, 'state')]);
  return folder;
}

/** When the recorded wait ends, by its own state file. */
function endOfWait(version: string): string {
  const { savedAt, state } = JSON.parse(readFileSync(join(recorded, version, 'backoff/state.json'), 'utf8'));
  const { since, waitMs } = state.phase;
  return new Date(Math.round(since.wall + waitMs) || savedAt.wall).toISOString();
}

describe.each(['first', 'with-limits'])('state of the version %s', version => {
  test('a backoff is waited out, with the crashes, the incident and the log from before', async () => {
    const folder = takenOver(version);
    const watcher = startWatcher(folder, ['--name', 'backoff', ...backoff, ...failing]);
    const status = await phaseIs(folder, 'backoff', 'backoff');
    expect(status).toMatchObject({ childPid: null, lastExit: { code: 3, cause: 'crash' } });
    expect(Math.abs(Date.parse(status.nextStartAt ?? '') - Date.parse(endOfWait(version)))).toBeLessThan(1000);
    const incidents = JSON.parse(run(folder, ['incidents', 'backoff', '--json']).out);
    expect(incidents).toMatchObject([{ id: status.lastIncidentId, keyLine: 'run 1 fails' }]);
    expect(run(folder, ['incidents', 'show', `${status.lastIncidentId}`]).out).toMatch(/run 1 fails/);
    expect(watcher.out()).toBe('');
    expect(run(folder, ['reset', 'backoff'])).toMatchObject({ code: 0 });
    await watcher.printed(/^run 2 fails\n$/);
    await phaseIs(folder, 'backoff', 'backoff');
    // The log is written beside the output, a moment later.
    await until('both runs are in the log', () =>
      /run 1 fails\n(?:.*\n)*?.*run 2 fails\n/.test(run(folder, ['logs', 'backoff', '--raw']).out),
    );
    expect(run(folder, ['stop', 'backoff'])).toMatchObject({ code: 0 });
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });

  test('a hold lasts until it is cleared', async () => {
    const folder = takenOver(version);
    expect(statusOf(folder, 'held')).toMatchObject({ phase: 'held', holdReason: 'loss > 10 (loss 20)' });
    const metrics = join(folder, 'metrics.json');
    writeFileSync(metrics, '{"loss": 1}');
    const args = ['--name', 'held', '--kill-when', 'loss > 10', '--metrics', metrics, '--', 'sleep', '1000'];
    const watcher = startWatcher(folder, args);
    await watcher.said(/held/);
    expect(statusOf(folder, 'held')).toMatchObject({ phase: 'held', childPid: null });
    expect(run(folder, ['reset', 'held'])).toMatchObject({ code: 0 });
    await phaseIs(folder, 'held', 'running');
    expect(run(folder, ['stop', 'held'])).toMatchObject({ code: 0 });
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });
});

test('a limited wait of the version with-limits continues to the time that was named', async () => {
  const folder = takenOver('with-limits');
  const limited = ['--max-wait', '3650d', '--', 'sh', '-c', 'echo "Claude AI usage limit reached|2000000000"; exit 1'];
  const watcher = startWatcher(folder, ['--name', 'limited', ...limited]);
  const status = (await phaseIs(folder, 'limited', 'limited')) as Status;
  expect(status.limit).toMatchObject({ cause: 'rate-limited', until: '2033-05-18T03:33:20.000Z' });
  expect(status).toMatchObject({ childPid: null, restarts: 0 });
  expect(watcher.out()).toBe('');
  expect(run(folder, ['reset', 'limited'])).toMatchObject({ code: 0 });
  await watcher.said(/started, pid \d+, run 2\n.*limited until/s);
  expect(run(folder, ['stop', 'limited'])).toMatchObject({ code: 0 });
  expect(await watcher.ended).toEqual({ code: 0, signal: null });
});
