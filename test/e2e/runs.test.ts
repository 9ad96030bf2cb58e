import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RunRecord } from '../../src/core/run-record.ts';
import { because, missing } from '../support/fixture.ts';
import { commandOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, run, startWatcher, statusOf, testEnvironment } from '../support/watcher.ts';

const noMount =
  missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt') ?? missing('nsenter', '--version');

type Listed = RunRecord & { name: string; unusual: string[]; output?: string[] };
/** Empty too where the service is not there yet. */
const runsOf = (folder: string, ...args: string[]): Listed[] => {
  const { out } = run(folder, ['runs', ...args, '--json']);
  return out === '' ? [] : JSON.parse(out);
};

describe('runs', () => {
  test('tells of each run how it ended, and its numbers', async () => {
    const folder = scratch();
    const script = [
      'echo one; sleep 1; echo two >&2; echo',
      'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done',
      'echo "{\\"type\\":\\"result\\",\\"is_error\\":false,\\"total_cost_usd\\":0.25,\\"usage\\":{\\"input_tokens\\":100,\\"output_tokens\\":20}}"',
    ].join('\n');
    const once = ['--name', 'job', '--restart', 'never', '--', 'sh', '-c'];
    run(folder, [...once, script]);
    run(folder, [...once, 'echo "disk is full: No space left on device" >&2; exit 3']);
    run(folder, [...once, 'exit 0']);
    const [first, second, third] = runsOf(folder, 'job');
    expect(first).toMatchObject({
      name: 'job',
      run: 1,
      cause: 'success',
      exit: { code: 0, signal: null },
      category: null,
      lines: 4,
      metrics: { cost: 0.25, tokens: 120 },
      verdict: null,
    });
    expect(first?.bytes).toBe(Buffer.byteLength('one\ntwo\n\n') + 105);
    expect(first?.durationMs).toBeGreaterThanOrEqual(1000);
    expect(first?.longestSilenceMs).toBeGreaterThanOrEqual(500);
    expect(first?.firstOutputMs).toBeLessThan(first?.durationMs ?? 0);
    expect(first?.cpuMs).toBeGreaterThanOrEqual(10);
    expect(Date.parse(first?.endedAt ?? '')).toBeGreaterThan(Date.parse(first?.startedAt ?? ''));
    expect(second).toMatchObject({ run: 2, cause: 'crash', exit: { code: 3 }, category: 'disk-full' });
    expect(second?.incidentId).toMatch(/^job-/);
    expect(third).toMatchObject({ run: 3, bytes: 0, lines: 0, firstOutputMs: null, peakMemoryBytes: null });
    const table = run(folder, ['runs', 'job']).out.split('\n');
    expect(table[0]).toMatch(/^RUN {2}STARTED/);
    expect(table[1]).toMatch(/^1 .* success .*cost 0.25; tokens 120$/);
    expect(table[2]).toMatch(/crash \(exit code 3\) .*disk-full$/);
  });

  test('shows one run with its output, and names the runs that it has', () => {
    const folder = scratch();
    for (const word of ['red', 'blue'])
      run(folder, ['--name', 'job', '--restart', 'never', '--', 'sh', '-c', `echo ${word}; echo end`]);
    const shown = run(folder, ['runs', 'show', 'job', '1']).out;
    expect(shown).toMatch(/^job: run 1\n/);
    expect(shown).toMatch(/ {2}last lines\n {4}red\n {4}end\n$/);
    expect(JSON.parse(run(folder, ['runs', 'show', 'job', '--json']).out)).toMatchObject({
      run: 2,
      output: ['blue', 'end'],
    });
    expect(run(folder, ['runs', 'show', 'job', '7'])).toMatchObject({
      code: 4,
      err: 'agent-watch: job has no run 7: the journal has 1 to 2\n',
    });
    expect(run(folder, ['runs', 'show', 'jab'])).toMatchObject({
      code: 4,
      err: expect.stringMatching(/did you mean job\?/),
    });
    expect(run(folder, ['runs', 'show', 'job', 'x'])).toMatchObject({ code: 125 });
    expect(run(folder, ['runs', 'show'])).toMatchObject({ code: 125 });
  });

  test('takes names and globs, and lists several services by time', () => {
    const folder = scratch();
    for (const name of ['a1', 'b1', 'a2'])
      run(folder, ['--name', name, '--restart', 'never', '--no-log', '--', 'true']);
    expect(runsOf(folder, 'a*').map(({ name }) => name)).toEqual(['a1', 'a2']);
    expect(runsOf(folder, '-n', '2').map(({ name }) => name)).toEqual(['b1', 'a2']);
    expect(run(folder, ['runs', '--all']).out.split('\n')[0]).toMatch(/^NAME {2}RUN/);
    expect(run(folder, ['runs', 'zz*']).code).toBe(4);
  });

  test('a run whose watcher was killed is written down by the next one, and none is lost or doubled', async () => {
    const folder = scratch();
    const often = ['--backoff', '10ms', '--backoff-max', '20ms', '--flap-threshold', '0'];
    const args = ['--name', 'bot', ...often, '--', 'sh', '-c', '[ -e next ] || exit 1; exec sleep 1000'];
    const first = startWatcher(folder, args);
    await until('runs have ended', () => runsOf(folder, 'bot').length >= 2);
    writeFileSync(join(folder, 'next'), '');
    await until('one is up to stay', () => commandOf(statusOf(folder, 'bot').childPid ?? 0) === 'sleep 1000');
    const { run: last = 0 } = runsOf(folder, 'bot').at(-1) ?? {};
    first.process.kill('SIGKILL');
    await first.ended;
    const second = startWatcher(folder, args);
    await until('it is written down', () => runsOf(folder, 'bot').at(-1)?.cause === 'orphan');
    second.process.kill('SIGTERM');
    await second.ended;
    const runs = runsOf(folder, 'bot', '-n', '1000');
    expect(runs.map(({ run: number }) => number)).toEqual(runs.map((_, at) => at + 1));
    expect(runs.find(({ run: number }) => number === last + 1)).toMatchObject({
      cause: 'orphan',
      endedAt: null,
      durationMs: null,
      bytes: null,
    });
    expect(runs.at(-1)).toMatchObject({ run: last + 2, cause: 'stopped' });
  });

  test('a command that cannot be started is a run too', async () => {
    const folder = scratch();
    expect(run(folder, ['--name', 'none', '--restart', 'never', '--', './missing']).code).toBe(127);
    expect(runsOf(folder, 'none')).toMatchObject([
      { run: 1, cause: 'crash', why: expect.stringMatching(/missing/), bytes: null },
    ]);
  });

  test.skipIf(noMount !== null)(
    `a full disk costs the runs meanwhile, and breaks nothing${because(noMount)}`,
    async () => {
      const folder = scratch();
      mkdirSync(join(folder, 'disk'));
      const mount = 'mount -t tmpfs -o size=1m none disk && exec "$0" "$@"';
      const watcher = startWatcher(
        folder,
        [
          '--state-dir',
          'disk/state',
          '--name',
          'x',
          '--backoff',
          '20ms',
          '--backoff-max',
          '20ms',
          '--flap-threshold',
          '0',
          '--no-log',
          '--',
          'true',
        ],
        { before: ['unshare', '-m', 'sh', '-c', mount] },
      );
      onTestFinished(() => void watcher.process.kill('SIGKILL'));
      const inside = (script: string) =>
        execFileSync('nsenter', ['-t', String(watcher.pid), '-m', '--', 'sh', '-c', `cd "${folder}" && ${script}`], {
          env: testEnvironment(folder),
          encoding: 'utf8',
        });
      const runs = (): RunRecord[] =>
        JSON.parse(inside(`"${executable}" runs x -n 1000 --json --state-dir "${folder}/disk/state"`));
      await watcher.said(/run 2/);
      await until('it has runs', () => runs().length > 3);
      inside('dd if=/dev/zero of=disk/filler bs=4k 2> /dev/null || true');
      const lastRun = () =>
        Number(
          watcher
            .err()
            .match(/run \d+/g)
            ?.at(-1)
            ?.slice(4) ?? 0,
        );
      const filledAt = lastRun();
      // The last page of the file still takes some.
      await until('runs are lost', () => lastRun() > filledAt + 30 && lastRun() > (runs().at(-1)?.run ?? 0) + 10);
      const freedAt = lastRun();
      inside('rm disk/filler');
      await until('it goes on', () => (runs().at(-1)?.run ?? 0) > freedAt + 3);
      const numbers = runs().map(({ run: number }) => number);
      expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
      watcher.process.kill('SIGTERM');
      await watcher.ended;
    },
  );
});

test('an older line and a line of a later version are shown side by side', () => {
  const folder = scratch();
  run(folder, ['--name', 'job', '--restart', 'never', '--no-log', '--', 'true']);
  const path = join(folder, 'state/job/runs.jsonl');
  const [line = ''] = readFileSync(path, 'utf8').split('\n');
  writeFileSync(
    path,
    `{"run":1,"cause":"success"}\n${line.replace('{', '{"mood":"fine",')}\n{"of":1,"mark":{"word":"good"}}\n{"torn`,
  );
  expect(runsOf(folder, 'job')).toMatchObject([
    { run: 1, durationMs: null, metrics: {} },
    { run: 1, mood: 'fine', mark: { word: 'good' } },
  ]);
});

test('an unusual run is reported once, and stands in runs, status, brief and events', async () => {
  const folder = scratch();
  const short = 'n=$AGENT_WATCH_RUN; if [ $n -eq 12 ]; then seq 1 10; else seq 1 2000; fi; [ $n -lt 14 ] || sleep 1000';
  const often = ['--backoff', '10ms', '--backoff-max', '20ms', '--flap-threshold', '0'];
  const alerts = ['--alert-on', 'unusual', '--alert-file', 'alerts'];
  const watcher = startWatcher(folder, ['--name', 'job', ...often, ...alerts, '--', 'sh', '-c', short]);
  await watcher.said(/run 12 was unusual: 0\.\d+% of the usual output \(21B, usually 8\.68K\)/);
  await until('it is up to stay', () => runsOf(folder, 'job').length === 13);
  await until('the alert is sent', () => run(folder, ['events', 'job']).out.includes('alert sent (unusual)'));
  expect(readFileSync(join(folder, 'alerts'), 'utf8').match(/had an unusual run/g)).toHaveLength(1);
  const unusual = runsOf(folder, 'job').filter(one => one.unusual.length > 0);
  expect(unusual.map(({ run: number }) => number)).toEqual([12]);
  expect(run(folder, ['runs', 'job']).out).toMatch(/^12 .*unusual: 0\.\d+% of the usual output/m);
  expect(run(folder, ['brief']).out).toMatch(/Unusual runs:\n.* job, run 12: 0\.\d+% of the usual output/);
  expect(JSON.parse(run(folder, ['brief', '--json']).out).unusual).toMatchObject([{ name: 'job', run: 12 }]);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
});

test('a job of one run each is compared with the former ones where somebody is told, and status says it', async () => {
  const folder = scratch();
  const job = (script: string) =>
    run(folder, [
      '--name',
      'job',
      '--restart',
      'never',
      '--alert-on',
      'unusual',
      '--alert-file',
      'alerts',
      '--',
      'sh',
      '-c',
      script,
    ]);
  const line = (at: number) =>
    `{"run":${at},"cause":"success","startedAt":"2026-01-${10 + at}T03:00:00.000Z","endedAt":"2026-01-${10 + at}T03:04:00.000Z","durationMs":240000,"bytes":${39_000 + 100 * at}}\n`;
  job('true');
  writeFileSync(join(folder, 'state/job/runs.jsonl'), Array.from({ length: 12 }, (_, at) => line(at + 1)).join(''));
  expect(job('echo short').err).toMatch(/run 2 was unusual: 0\.0\d+% of the usual output \(6B/);
  await until('the alert is sent', () => readFileSync(join(folder, 'alerts'), 'utf8').includes('had an unusual run'));
  expect(run(folder, ['status', 'job']).out).toMatch(/unusual +run 2: 0\.0\d+% of the usual output/);
});
