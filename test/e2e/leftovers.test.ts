import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openRecord, readRecord } from '../../src/state/lock-record.ts';
import { deadPort } from '../servers/serving.ts';
import { asNobody, missing } from '../support/fixture.ts';
import { commandOf, lives, startTicksOf } from '../support/processes.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { python, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures');
const RELATIVES = [1001, 1002, 1003, 1004, 1005].map(seconds => `sleep ${seconds}`);
const family = (then: string) => ['sh', `${fixtures}/family.sh`, then];
/** Everything that a test started under this folder and that is alive. */
const alive = (folder: string) => processesWithEnvironment(`AW_TEST_FOLDER=${folder}`).map(commandOf);
const ofRun = (folder: string, number: number) =>
  processesWithEnvironment(`AW_TEST_FOLDER=${folder}`).filter(pid =>
    processesWithEnvironment(`AGENT_WATCH_RUN=${number}`).includes(pid),
  );

async function complete(folder: string, number: number): Promise<void> {
  await until(`the family of run ${number} is there`, () => {
    const commands = ofRun(folder, number).map(commandOf);
    return RELATIVES.every(relative => commands.includes(relative));
  });
}

describe('nothing of an old run is alive', () => {
  const quick = ['--stop-timeout', '500ms', '--backoff', '0ms'];

  test('after stop: jobs, sessions, daemons, and who ignores SIGTERM', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'stop', ...quick, '--', ...family('wait')]);
    await complete(folder, 1);
    expect(run(folder, ['stop', 'stop']).code).toBe(0);
    expect(alive(folder).filter(command => !command.includes('agent-watch'))).toEqual([]);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(alive(folder)).toEqual([]);
  });

  test('after a crash, when the next run begins', async () => {
    const folder = scratch();
    const crash = 'echo "up $AGENT_WATCH_RUN"; until [ -e go$AGENT_WATCH_RUN ]; do sleep 0.02; done; exit 1';
    const watcher = startWatcher(folder, ['--name', 'crash', ...quick, '--', ...family(crash)]);
    for (const number of [1, 2]) {
      await complete(folder, number);
      writeFileSync(join(folder, `go${number}`), '');
      await watcher.printed(new RegExp(`up ${number + 1}`));
      expect(ofRun(folder, number)).toEqual([]);
    }
    await watcher.said(/ended \d+ processes that the last run had left/);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(alive(folder)).toEqual([]);
  });

  test('after a kill -9 of the watcher, when the next one starts', async () => {
    const folder = scratch();
    const args = ['--name', 'orphan', ...quick, '--', ...family('echo "up $AGENT_WATCH_RUN"; wait')];
    const first = startWatcher(folder, args);
    await complete(folder, 1);
    first.process.kill('SIGKILL');
    await first.ended;
    expect(statusOf(folder, 'orphan').phase).toBe('lost');
    const second = startWatcher(folder, args);
    await second.printed(/up 2/);
    expect(ofRun(folder, 1)).toEqual([]);
    expect(statusOf(folder, 'orphan')).toMatchObject({ restarts: 1, lastExit: { cause: 'orphan' } });
    await second.said(/the previous watcher died without stopping the command \(pid \d+\)/);
    second.process.kill('SIGTERM');
    await second.ended;
    expect(alive(folder)).toEqual([]);
  });

  test.skipIf(withoutPython)(
    `which a port shows that a daemon of each run holds and the next run binds${withoutPython ? ` (skipped: ${withoutPython})` : ''}`,
    async () => {
      const folder = scratch();
      const port = await deadPort();
      const args = ['--name', 'port', ...quick, '--flap-threshold', '0', '--quiet', '--'];
      const child = [python ?? '', `${fixtures}/port-holder.py`, String(port)];
      for (let killed = 0; killed < 3; killed++) {
        const watcher = startWatcher(folder, [...args, ...child]);
        await watcher.printed(/(bound \d+\n){3}/);
        watcher.process.kill('SIGKILL');
        await watcher.ended;
        expect(watcher.out()).not.toMatch(/in use/);
      }
      const last = startWatcher(folder, [...args, ...child]);
      await last.printed(/(bound \d+\n){2}/);
      last.process.kill('SIGTERM');
      await last.ended;
      expect(last.out()).not.toMatch(/in use/);
      expect(alive(folder)).toEqual([]);
    },
  );
});

const noFlock = missing('flock', '--version');

test.skipIf(noFlock)(
  `two copies never run, whenever the watcher is killed${noFlock ? ` (skipped: ${noFlock})` : ''}`,
  async () => {
    const folder = scratch();
    // Every third run ignores SIGTERM, so that its successor's watcher has to kill it.
    const child = `[ $((AGENT_WATCH_RUN % 3)) = 0 ] && trap '' TERM
      exec 9>> lock; flock -n 9 || echo "$AGENT_WATCH_RUN" >> violations
      echo "$AGENT_WATCH_RUN" >> runs; exec sleep 1000`;
    const args = ['--name', 'one', '--stop-timeout', '100ms', '--', 'sh', '-c', child];
    const begun = () =>
      existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs'), 'utf8').split('\n').length - 1 : 0;
    const since = performance.now();
    let watcher = startWatcher(folder, args);
    await until('the first run has begun', () => begun() === 1);
    const startMs = performance.now() - since;
    for (let round = 0; round < 30 || begun() < 8; round++) {
      watcher.process.kill('SIGKILL');
      await watcher.ended;
      watcher = startWatcher(folder, args);
      // A random moment: before, in and after the spawn, and while the last round's child is being ended.
      // Ending that child takes its stop timeout; on a machine that gets busier, later rounds have to be longer.
      await pause(Math.random() * (startMs + 150) * (1 + round / 10));
    }
    watcher.process.kill('SIGKILL');
    await watcher.ended;
    const last = startWatcher(folder, args);
    // Until then the status may tell of the run that it ends first.
    await last.said(/started, pid \d+/);
    const [, childPid] = /started, pid (\d+)/.exec(last.err()) ?? [];
    await until('the last run has its lock', () => commandOf(Number(childPid)) === 'sleep 1000');
    expect(alive(folder).filter(command => command === 'sleep 1000')).toHaveLength(1);
    last.process.kill('SIGTERM');
    await last.ended;
    const runs = readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').map(Number);
    expect(runs).toEqual([...runs].sort((a, b) => a - b));
    expect(new Set(runs).size).toBe(runs.length);
    expect(existsSync(join(folder, 'violations'))).toBe(false);
  },
);

describe('what is not ours is left alone', () => {
  test('the tree of the same name and run number under another state folder', async () => {
    const folder = scratch();
    const watchers = ['a', 'b'].map(place => {
      mkdirSync(join(folder, place));
      return startWatcher(
        folder,
        [
          '--name',
          'twin',
          '--state-dir',
          join(folder, place, 'state'),
          '--stop-timeout',
          '500ms',
          '--',
          ...family('wait'),
        ],
        { env: { PLACE: place } },
      );
    });
    const at = (place: string) =>
      processesWithEnvironment(`AGENT_WATCH_STATE_DIR=${folder}/${place}/state`).map(commandOf).sort();
    await until('both are there', () => ['a', 'b'].every(place => RELATIVES.every(one => at(place).includes(one))));
    const before = at('b');
    watchers[0]?.process.kill('SIGTERM');
    await watchers[0]?.ended;
    expect(at('a')).toEqual([]);
    expect(at('b')).toEqual(before);
    watchers[1]?.process.kill('SIGTERM');
    await watchers[1]?.ended;
    expect(at('b')).toEqual([]);
  });

  for (const [what, ticks] of [
    ['another start time', (own: number) => own - 1],
    ['no start time', () => null],
  ] as const) {
    test(`a stranger that has the pid of the last run, recorded with ${what}`, async () => {
      const folder = scratch();
      const args = ['--name', 'reuse', '--', 'sh', '-c', 'echo "up $AGENT_WATCH_RUN"; exec sleep 1000'];
      const first = startWatcher(folder, args);
      const { childPid } = await phaseIs(folder, 'reuse', 'running');
      first.process.kill('SIGKILL');
      await first.ended;
      process.kill(childPid ?? 0, 'SIGKILL');
      const stranger = startStranger();
      blame(join(folder, 'state/reuse'), stranger.pid ?? 0, ticks(startTicksOf(stranger.pid ?? 0)));
      const second = startWatcher(folder, args);
      await second.printed(/up 2/);
      expect(lives(stranger.pid ?? 0)).toBe(true);
      second.process.kill('SIGTERM');
      await second.ended;
      expect(lives(stranger.pid ?? 0)).toBe(true);
    });
  }

  const noOtherUser = missing(asNobody[0] ?? '', ...asNobody.slice(1), 'true');
  test.skipIf(noOtherUser)(
    `another user's process that claims to be of the run${noOtherUser ? ` (skipped: ${noOtherUser})` : ''}`,
    async () => {
      const folder = scratch();
      const watcher = startWatcher(folder, [
        '--name',
        'claim',
        '--',
        'sh',
        '-c',
        'echo "<$AGENT_WATCH_RUN_ID>"; exec sleep 1000',
      ]);
      await watcher.printed(/<\w+>/);
      const id = /<(\w+)>/.exec(watcher.out())?.[1];
      const claimant = startStranger(asNobody, { AGENT_WATCH_RUN_ID: id });
      await until('it is that user by now', () => commandOf(claimant.pid ?? 0) === 'sleep 1000');
      watcher.process.kill('SIGTERM');
      await watcher.ended;
      expect(lives(claimant.pid ?? 0)).toBe(true);
    },
  );
});

/** A process that has nothing to do with any watcher, leader of its own session. */
function startStranger(before: readonly string[] = [], env: Record<string, string | undefined> = {}): ChildProcess {
  const [program = '', ...args] = [...before, 'sleep', '1000'];
  const stranger = spawn(program, args, {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], ...env },
  });
  onTestFinished(() => {
    stranger.kill('SIGKILL');
  });
  return stranger;
}

/** Makes state and lock record say that the last run had this pid and start time. */
function blame(folder: string, pid: number, startTicks: number | null): void {
  const path = join(folder, 'watcher.json');
  const record = readRecord(path);
  if (record === null || record === 'unreadable' || record.run === null || record.run === 'unknown')
    throw new Error('the killed watcher left no record of its run');
  const file = openRecord(path);
  file.write({ ...record, run: { ...record.run, childPid: pid, startTicks } });
  file.close();
  for (const name of ['state.json', 'state.durable.json']) {
    if (!existsSync(join(folder, name))) continue;
    const saved = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    if (saved.state.phase.live === undefined) continue;
    Object.assign(saved.state.phase.live, { pid, startTicks });
    writeFileSync(join(folder, name), JSON.stringify(saved));
  }
}
