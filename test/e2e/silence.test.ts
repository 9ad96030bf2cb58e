import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Incident } from '../../src/incidents/incident.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

/** The first incident, once it is written. */
function firstIncident(folder: string): Promise<Incident> {
  return until('an incident', () => (JSON.parse(run(folder, ['incidents', '--json']).out) as Incident[])[0] ?? false);
}

/** Draws a text over itself ten times a second; `%d` counts. */
const drawing = (text: string) =>
  `i=0; echo started; while :; do i=$((i+1)); printf '\\r\\033[K${text}' $i >&2; sleep 0.1; done`;
const timing = ['--health-start-period', '0s', '--backoff', '1h'];

describe('a program that redraws what it shows', () => {
  test('is silent while only its clock moves', async () => {
    const folder = scratch();
    const options = ['--name', 'wait', '--stale-after', '2s', ...timing];
    startWatcher(folder, [...options, '--', 'sh', '-c', drawing('Reconnecting… %ds')]);
    const { kind, reasons } = await firstIncident(folder);
    expect({ kind, reasons }).toEqual({
      kind: 'stalled',
      reasons: [{ name: 'stale', detail: expect.stringMatching(/^no output for [2-9]/) }],
    });
  });

  test('is alive while a percentage grows', async () => {
    const folder = scratch();
    const options = ['--name', 'copy', '--stale-after', '2s', ...timing];
    startWatcher(folder, [...options, '--', 'sh', '-c', drawing('copying %d%%%%')]);
    await phaseIs(folder, 'copy', 'running');
    await until('5s of it', () => (statusOf(folder, 'copy').uptimeMs ?? 0) > 5000);
    expect(statusOf(folder, 'copy')).toMatchObject({ restarts: 0, health: [{ name: 'stale', ok: true }] });
  });
});

describe('--stale-after auto', () => {
  test('says what it has learned, and continues with it after a restart of the watcher', async () => {
    const folder = scratch();
    const start = () =>
      startWatcher(folder, [
        '--name',
        'beats',
        '--stale-after',
        'auto',
        '--',
        'sh',
        '-c',
        'while :; do date; sleep 1; done',
      ]);
    const detail = async (pattern: RegExp) => {
      await until(`${pattern}`, () => statusOf(folder, 'beats').health.some(row => pattern.test(row.detail)));
      return statusOf(folder, 'beats').health.map(({ name, severity }) => ({ name, severity }));
    };
    const first = start();
    await phaseIs(folder, 'beats', 'running');
    expect(await detail(/; learning the rhythm of the output \(0 ?m?s of 6h\)$/)).toEqual([
      { name: 'stale', severity: 'critical' },
      { name: 'stale:early', severity: 'optional' },
    ]);
    run(folder, ['stop', 'beats']);
    await first.ended;
    const kept = { present: Array.from({ length: 40 }, () => 90), former: [], presentS: 40_000, formerS: 0 };
    const counts = { observedS: 40_000, exceeded: 0, exceededIrregular: 0, suspendedUntilS: 0, suspendedMinS: null };
    writeFileSync(join(folder, 'state/beats/rhythm.json'), JSON.stringify({ ...kept, ...counts }));
    start();
    await phaseIs(folder, 'beats', 'running');
    await detail(/; silence over 10m is a hang$/);
  });
});

describe('--dump-signal', () => {
  test('lets a program print its stacks before a probe stops it', async () => {
    const folder = scratch();
    const options = ['--name', 'dumps', '--stale-after', '1s', '--dump-signal', 'USR1', '--backoff', '1h'];
    const program = 'trap "echo the stacks" USR1; echo up; while :; do sleep 0.1; done';
    startWatcher(folder, [...options, '--', 'sh', '-c', program]);
    const { kind, tail } = await firstIncident(folder);
    expect({ kind, tail }).toEqual({ kind: 'stalled', tail: ['up', 'the stacks'] });
  });
});

describe('diagnose --live', () => {
  test('says what a running service waits for, and refuses one that is not running', async () => {
    const folder = scratch();
    startWatcher(folder, ['--name', 'naps', '--', 'sleep', '600']);
    await phaseIs(folder, 'naps', 'running');
    const live = run(folder, ['diagnose', 'naps', '--live']);
    expect(live.out).toMatch(
      /^sleep \(pid \d+\) sleeps \(clock_nanosleep\); no CPU time used\n\n {2}\d+ sleep 600: state S/,
    );
    expect(JSON.parse(run(folder, ['diagnose', 'naps', '--live', '--json']).out)).toMatchObject({
      processes: [{ command: 'sleep 600', state: 'S', waits: [{ call: 'clock_nanosleep' }] }],
    });
    run(folder, ['stop', 'naps']);
    const stopped = run(folder, ['diagnose', 'naps', '--live']);
    expect(stopped.code).toBe(1);
    expect(stopped.err).toMatch(/naps is not running \(stopped\)/);
  });
});

describe('status of one service', () => {
  test('says what it waits for while a probe fails, and what it hung on after that', async () => {
    const folder = scratch();
    const options = [
      '--name',
      'hangs',
      '--stale-after',
      '3s',
      '--check',
      'false',
      '--health-retries',
      '100',
      ...timing,
    ];
    const trap = 'trap "" TERM; echo up; exec sleep 600';
    startWatcher(folder, [...options, '--stop-timeout', '1h', '--', 'sh', '-c', trap]);
    const shown = () => run(folder, ['status', 'hangs']).out;
    const words = 'sleep \\(pid \\d+\\) sleeps \\(clock_nanosleep\\); no CPU time used';
    await until('what it waits for', () => new RegExp(`stale FAILING.*\n {2}doing +${words}\n`, 's').test(shown()));
    process.kill(statusOf(folder, 'hangs').childPid ?? 0, 'SIGKILL');
    await phaseIs(folder, 'hangs', 'backoff');
    await until('what it hung on', () => new RegExp(`\n {2}incident .*\n {13}${words}\n`, 's').test(shown()));
  });
});

describe('--first-output', () => {
  test('ends a run that has printed nothing that long after its start', async () => {
    const folder = scratch();
    startWatcher(folder, ['--name', 'mute', '--first-output', '1s', '--backoff', '1h', '--', 'sleep', '600']);
    const { lastExit } = await phaseIs(folder, 'mute', 'backoff');
    expect(lastExit?.cause).toBe('probe');
    const detail = expect.stringMatching(/^no output since the start [1-9][\d.]*s ago$/);
    expect((await firstIncident(folder)).reasons).toEqual([{ name: 'first-output', detail }]);
  });

  test('asks nothing more of a run that has printed once', async () => {
    const folder = scratch();
    startWatcher(folder, ['--name', 'once', '--first-output', '2s', '--', 'sh', '-c', 'echo up; exec sleep 600']);
    await phaseIs(folder, 'once', 'running');
    await until('4s of it', () => (statusOf(folder, 'once').uptimeMs ?? 0) > 4000);
    const detail = expect.stringMatching(/^first output after [\d.]+m?s$/);
    expect(statusOf(folder, 'once')).toMatchObject({
      restarts: 0,
      health: [{ name: 'first-output', ok: true, detail }],
    });
  });
});
