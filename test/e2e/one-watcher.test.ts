import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openRecord, readRecord } from '../../src/state/lock-record.ts';
import { missing } from '../support/fixture.ts';
import { lives, startTicksOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment, type Watcher } from '../support/watcher.ts';

const WATCHERS = 20;
/** The lock alone is tried more often, in its own tests. */
const ROUNDS = 5;
const child = ['--', 'sh', '-c', 'echo "$$" >> started; exec sleep 1000'];
const startedIn = (folder: string) =>
  existsSync(join(folder, 'started'))
    ? readFileSync(join(folder, 'started'), 'utf8').trim().split('\n').map(Number)
    : [];

describe('one name has one watcher', () => {
  test(`of ${WATCHERS} started at once, ${ROUNDS} times: the others end with 75 and name its pid`, async () => {
    const folder = scratch();
    const env = { TMPDIR: join(folder, 'tmp') };
    mkdirSync(env.TMPDIR);
    for (let round = 0; round < ROUNDS; round++) {
      const watchers = Array.from({ length: WATCHERS }, () =>
        startWatcher(folder, ['--name', 'one', ...child], { env }),
      );
      const left = new Set(watchers);
      for (const watcher of watchers) watcher.ended.then(() => left.delete(watcher));
      await until('all but one have ended', () => left.size <= 1);
      const [winner] = left;
      expect(winner, 'one is left').toBeDefined();
      await until('its child is there', () => startedIn(folder).length > round);
      for (const loser of watchers) if (loser !== winner) await refused(loser, winner?.pid ?? 0);
      expect(startedIn(folder)).toHaveLength(round + 1);
      winner?.process.kill('SIGTERM');
      expect(await winner?.ended).toEqual({ code: 0, signal: null });
    }
    expect(startedIn(folder).filter(lives)).toEqual([]);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });

  const noNamespace = missing('unshare', '-n', 'true');
  test.skipIf(noNamespace)(`across network namespaces${noNamespace ? ` (skipped: ${noNamespace})` : ''}`, async () => {
    const folder = scratch();
    const holder = startWatcher(folder, ['--name', 'net', ...child]);
    await phaseIs(folder, 'net', 'running');
    const inside = spawn('unshare', ['-n', executable, '--name', 'net', ...child], {
      cwd: folder,
      env: testEnvironment(folder),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    inside.stderr.on('data', text => {
      said += text;
    });
    const code = await new Promise(done => inside.once('close', done));
    expect(said).toMatch(new RegExp(`pid ${holder.pid}\\b`));
    expect(code).toBe(75);
    expect(startedIn(folder)).toHaveLength(1);
    holder.process.kill('SIGTERM');
    await holder.ended;
  });

  test('also by another path to the same state folder', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'sub'));
    const holder = startWatcher(folder, ['--name', 'path', ...child]);
    await phaseIs(folder, 'path', 'running');
    const second = run(folder, ['--name', 'path', '--state-dir', `${folder}/sub/../state`, ...child]);
    expect(second.code).toBe(75);
    expect(second.err).toMatch(new RegExp(`pid ${holder.pid}\\b`));
    holder.process.kill('SIGTERM');
    await holder.ended;
  });
});

async function refused(loser: Watcher, holder: number): Promise<void> {
  expect(await loser.ended).toEqual({ code: 75, signal: null });
  expect(loser.err()).toMatch(new RegExp(`pid ${holder}\\b`));
  expect(loser.err().trim().split('\n')).toHaveLength(1);
}

describe('what a dead watcher left hinders nobody', () => {
  async function killed(folder: string): Promise<string> {
    const first = startWatcher(folder, ['--name', 'stale', ...child]);
    await phaseIs(folder, 'stale', 'running');
    await until('its socket is there', () => existsSync(join(folder, 'state/stale/control')));
    first.process.kill('SIGKILL');
    await first.ended;
    return join(folder, 'state/stale');
  }

  async function startsAgain(folder: string): Promise<void> {
    const second = startWatcher(folder, ['--name', 'stale', ...child]);
    await until('the next child is there', () => startedIn(folder).length === 2);
    expect(startedIn(folder).filter(lives)).toHaveLength(1);
    await until('it takes requests', () => run(folder, ['signal', 'stale', 'CONT']).code === 0);
    expect(statusOf(folder, 'stale')).toMatchObject({ phase: 'running', watcherPid: second.pid });
    expect(run(folder, ['stop', 'stale']).code).toBe(0);
    expect(await second.ended).toEqual({ code: 0, signal: null });
  }

  test('its lock, its record, its socket', async () => {
    const folder = scratch();
    await killed(folder);
    expect(run(folder, ['stop', 'stale'])).toMatchObject({ code: 0 });
    expect(statusOf(folder, 'stale').phase).toBe('stopped');
    await startsAgain(folder);
  });

  test('a pid in its record that a stranger has now, who is left in peace', async () => {
    const folder = scratch();
    const place = await killed(folder);
    const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore', env: {} });
    onTestFinished(() => {
      stranger.kill('SIGKILL');
    });
    const pid = stranger.pid ?? 0;
    const record = readRecord(join(place, 'watcher.json'));
    if (record === null || record === 'unreadable') throw new Error('the killed watcher left no record');
    const file = openRecord(join(place, 'watcher.json'));
    file.write({ ...record, watcher: { pid, startTicks: startTicksOf(pid) - 1 } });
    file.close();
    await startsAgain(folder);
    expect(lives(pid)).toBe(true);
  });

  for (const [what, spoil] of Object.entries({
    'a record that is garbage': place => writeFileSync(join(place, 'watcher.json'), 'garbage'),
    'no record': place => rmSync(join(place, 'watcher.json')),
    'no lock file': place => rmSync(join(place, 'lock')),
    'a lock file that holds something': place => writeFileSync(join(place, 'lock'), '4711\n'),
    'a file in the place of the socket': place => {
      rmSync(join(place, 'control'));
      writeFileSync(join(place, 'control'), '');
    },
  } satisfies Record<string, (place: string) => void>)) {
    test(what, async () => {
      const folder = scratch();
      spoil(await killed(folder));
      await startsAgain(folder);
    });
  }
});
