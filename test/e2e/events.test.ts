import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ServiceEvent } from '../../src/state/line-log.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

const eventsOf = (folder: string, ...args: string[]): ServiceEvent[] =>
  JSON.parse(run(folder, ['events', ...args, '--json']).out);

describe('events', () => {
  test('tell what a detached watcher did, why, and who asked for it', async () => {
    const folder = scratch();
    run(folder, [
      'start',
      '--name',
      'bot',
      '--backoff',
      '50ms',
      '--alert-file',
      'alerts',
      '--alert-on',
      'all',
      '--',
      'sleep',
      '1000',
    ]);
    process.kill(statusOf(folder, 'bot').childPid ?? 0, 'SIGKILL');
    await until('the second run is up', () => statusOf(folder, 'bot').restarts === 1);
    await until('the alert is sent', () => eventsOf(folder, 'bot').some(({ kind }) => kind === 'alert'));
    run(folder, ['restart', 'bot'], { env: { USER: 'joan', SUDO_USER: undefined } });
    run(folder, ['stop', 'bot']);
    const events = eventsOf(folder, 'bot');
    const kinds = events.map(({ kind, run: number }) => `${kind} ${number}`);
    expect(kinds.filter(kind => !kind.startsWith('alert'))).toEqual([
      'started 1',
      'exited 1',
      'started 2',
      'requested 2',
      'stopping 2',
      'exited 2',
      'started 3',
      'requested 3',
      'stopping 3',
      'exited 3',
    ]);
    expect(events.find(({ kind }) => kind === 'requested')?.text).toMatch(/^restart requested by joan \(pid \d+\)$/);
    expect(events.findLast(({ kind }) => kind === 'requested')?.text).toMatch(/^stop requested by /);
    expect(events.find(({ kind }) => kind === 'alert')?.text).toMatch(/^alert sent \(\w+\): bot /);
    expect(statSync(join(folder, 'state/bot/events.jsonl')).mode & 0o777).toBe(0o600);
    const shown = run(folder, ['events', 'bot', '-n', '2']).out;
    expect(shown).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}stopped \(SIGTERM\) after/);
    expect(eventsOf(folder, '--since', '1h')).toHaveLength(events.length);
    expect(eventsOf(folder, '--since', '2999-01-01')).toEqual([]);
  });

  test('of several services come in the order in which they happened, and -f continues', async () => {
    const folder = scratch();
    for (const name of ['a', 'b']) run(folder, ['start', '--name', name, '--', 'sleep', '1000']);
    const follower = startWatcher(folder, ['events', '-f']);
    await follower.printed(/a: started.*\n.*b: started/);
    // More than there are is all of them.
    const all = eventsOf(folder, 'a');
    expect(eventsOf(folder, 'a', '-n', String(all.length + 1))).toEqual(all);
    run(folder, ['stop', 'a']);
    await follower.printed(/a: stopped/);
    run(folder, ['stop', 'b']);
    await follower.printed(/b: stopped/);
    follower.process.kill('SIGTERM');
    await follower.ended;
  });

  test('are bounded, and a torn line harms no other', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      '--name',
      'storm',
      '--backoff',
      '0ms',
      '--flap-threshold',
      '0',
      '--',
      'true',
    ]);
    const path = join(folder, 'state/storm/events.jsonl');
    await until('it has events', () => eventsOf(folder, 'storm').length > 4);
    const line = readFileSync(path, 'utf8').split('\n')[0];
    writeFileSync(path, `${line}\n`.repeat(4000), { flag: 'a' });
    writeFileSync(path, '{"at":"torn', { flag: 'a' });
    await until('it has rotated', () => statSync(path).size < 512 * 1024);
    expect(eventsOf(folder, 'storm', '-n', '9999').length).toBeGreaterThan(4000);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});
