import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Incident } from '../../src/incidents/incident.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const logs = (folder: string, ...args: string[]) =>
  run(folder, ['logs', ...args])
    .out.split('\n')
    .slice(0, -1);
const output = (lines: readonly string[]) => lines.filter(line => !/(?:^|\| )-- /.test(line));

describe('logs of several services', () => {
  test('come in the order in which the lines were written, over rotation and kill -9 of a watcher', async () => {
    const folder = scratch();
    // Each line carries the time at which it was written, in ms.
    const ticking = 'setInterval(() => process.stdout.write(`${Date.now()} a line of some length\\n`), 20)';
    const command = ['--log-max-size', '1K', '--log-keep', '90', '--', process.execPath, '-e', ticking];
    const watchers = ['a', 'b', 'c'].map(name => startWatcher(folder, ['--name', name, ...command]));
    for (const name of ['a', 'b', 'c']) await phaseIs(folder, name, 'running');
    await until('it has rotated twice', () => readdirSync(join(folder, 'state/b')).includes('output.log.2'));
    process.kill(watchers[1]?.pid ?? 0, 'SIGKILL');
    await watchers[1]?.ended;
    const again = startWatcher(folder, ['--name', 'b', ...command]);
    await again.printed(/a line/);
    run(folder, ['stop', '--all']);
    const lines = output(logs(folder, '-n', '100000', '-t'));
    expect(lines.length).toBeGreaterThan(60);
    // A line is stamped when it is read, which on a busy machine is some time after it was written.
    const stamps = lines.map(line => line.slice(0, 23));
    expect(stamps).toEqual([...stamps].sort());
    for (const name of ['a', 'b', 'c']) {
      const times = lines.flatMap(line => new RegExp(`^.{24}${name} \\| (\\d+) `).exec(line)?.[1] ?? []);
      expect(times.length).toBeGreaterThan(10);
      expect(times).toEqual([...times].sort());
    }
    const early = lines.filter(
      line => Date.parse(`${line.slice(0, 23).replace(' ', 'T')}Z`) < Number(/\| (\d+) /.exec(line)?.[1]) - 100,
    );
    expect(early).toEqual([]);
    await Promise.all([...watchers, again].map(({ ended }) => ended));
  });
});

describe('lines are selected', () => {
  test('the start of the first run is shown though its first line came late, unless older lines are left out', async () => {
    const folder = scratch();
    const late = 'sleep 0.3; echo one; echo two';
    expect(run(folder, ['--name', 'late', '--restart', 'never', '--quiet', '--', 'sh', '-c', late]).code).toBe(0);
    const start = expect.stringMatching(/^-- started, pid \d+$/);
    for (const options of [[], ['--run', '1']])
      expect(logs(folder, 'late', '--since', '1h', ...options).slice(0, 2), options.join(' ')).toEqual([start, 'one']);
    expect(logs(folder, 'late', '--run', '1').slice(0, 2)).toEqual([start, 'one']);
    expect(logs(folder, 'late', '-t', '-n', '9')[0]).toMatch(/ -- started/);
    expect(logs(folder, 'late', '-t', '-n', '2')[0]).toMatch(/ one$/);
    const many = 'sleep 0.3; seq 1 60; sleep 0.3; exit 1';
    run(folder, ['--name', 'many', '--restart', 'never', '--quiet', '--', 'sh', '-c', many]);
    const { lastIncidentId } = statusOf(folder, 'many');
    expect(logs(folder, '--around', lastIncidentId ?? '')[0]).toBe('many | 11');
  });

  test('by run, time, pattern and incident, with events between them', async () => {
    const folder = scratch();
    const script = 'echo "run $AGENT_WATCH_RUN begins"; sleep 0.2; echo "ValueError: bad $AGENT_WATCH_RUN" >&2; exit 3';
    const watcher = startWatcher(folder, [
      '--name',
      'bot',
      '--backoff',
      '300ms',
      '--backoff-factor',
      '1',
      '--',
      'sh',
      '-c',
      script,
    ]);
    await watcher.printed(/run 3 begins/);
    const second = ['run 2 begins', 'ValueError: bad 2'];
    expect(logs(folder, 'bot', '--run', '2', '--no-events')).toEqual(second);
    const [first] = await until('the first incident', () => {
      const incidents = JSON.parse(run(folder, ['incidents', 'bot', '--json']).out) as Incident[];
      return incidents.length > 0 && incidents;
    });
    const shown = logs(folder, '--around', first?.id ?? '', '-n', '2', '-t');
    expect(output(shown.map(line => line.slice(24)))).toEqual(['run 1 begins', 'ValueError: bad 1', ...second]);
    expect(shown.join('\n')).toMatch(/ValueError: bad 1\n.{24}-- exited with code 3 after/);
    const times = shown.map(line => Date.parse(line.slice(0, 23).replace(' ', 'T')));
    expect(times).toEqual([...times].sort());
    const at = (text: string) => times[shown.findIndex(line => line.endsWith(text))] ?? 0;
    const between = new Date(at('run 2 begins')).toISOString();
    expect(output(logs(folder, 'bot', '--since', between)).slice(0, 2)).toEqual(second);
    expect(output(logs(folder, 'bot', '--until', new Date(at('run 2 begins') - 1).toISOString()))).toEqual([
      'run 1 begins',
      'ValueError: bad 1',
    ]);
    expect(logs(folder, 'bot', '--grep', 'bad [12]')).toEqual(['ValueError: bad 1', 'ValueError: bad 2']);
    expect(logs(folder, 'bot', '--since', '2999-01-01')).toEqual([]);
    // Of a time that has more lines than are asked for, the events of those that are shown.
    expect(logs(folder, 'bot', '--since', '1h', '-n', '1').join('\n')).not.toContain('run 2');
    expect(run(folder, ['logs', 'bot', '--run', '99'])).toMatchObject({
      out: '',
      err: 'agent-watch: nothing of run 99 is in the log\n',
    });
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('and followed, those of a service that starts later too', async () => {
    const folder = scratch();
    run(folder, ['start', '--name', 'a', '--', 'sh', '-c', 'echo early; sleep 1.5; echo late; exec sleep 1000']);
    run(folder, ['start', '--name', 'b', '--', 'sleep', '1000']);
    const follower = startWatcher(folder, ['logs', '-f']);
    const matching = startWatcher(folder, ['logs', '-f', '--grep', 'late']);
    const ofOneRun = startWatcher(folder, ['logs', 'b', '-f', '--run', '1']);
    await follower.printed(/^a \| early\n(?:.*\n)*a \| late\n/m);
    run(folder, ['restart', 'b']);
    await follower.printed(/b \| -- stopped .*\nb \| -- started, pid \d+, run 2/);
    expect(follower.out().match(/a \| late/g)).toHaveLength(1);
    await ofOneRun.printed(/-- stopped/);
    await matching.printed(/late/);
    expect(logs(folder, 'b', '-n', '0', '-t')).toEqual([]);
    for (const { process, ended } of [follower, matching, ofOneRun]) {
      process.kill('SIGTERM');
      await ended;
    }
    expect(ofOneRun.out()).not.toMatch(/run 2/);
    expect(matching.out()).not.toMatch(/-- /);
    run(folder, ['stop', '--all']);
  });
});

test('the index costs at most 3 % of the log, and there is none without a log', async () => {
  const folder = scratch();
  const many = 'i=0; while [ $i -lt 20000 ]; do echo "line $i of the output of this program"; i=$((i+1)); done';
  run(folder, ['--name', 'big', '--restart', 'never', '--', 'sh', '-c', many]);
  const size = (file: string) => statSync(join(folder, 'state/big', file)).size;
  expect(size('output.log')).toBeGreaterThan(800_000);
  expect(size('output.log.times')).toBeLessThan(0.03 * size('output.log'));
  run(folder, ['--name', 'none', '--no-log', '--restart', 'never', '--', 'sh', '-c', many]);
  expect(readdirSync(join(folder, 'state/none')).filter(file => file.startsWith('output'))).toEqual([]);
  expect(statusOf(folder, 'none').phase).toBe('finished');
});
