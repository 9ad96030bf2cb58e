import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { asNobody, because, noSecondUser } from '../support/fixture.ts';
import { lives, startTicksOf, zombiesOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher } from '../support/watcher.ts';

const leaveDaemon = `sh ${resolve(import.meta.dirname, '../fixtures/escape.sh')}`;
const quick = ['--stop-timeout', '500ms', '--backoff', '0ms', '--flap-threshold', '0'];

/** The pid that an escaped daemon wrote down. The daemon has emptied its environment, so it is ended here by its pid. */
async function daemonOf(file: string): Promise<number> {
  const pid = await until(`a daemon wrote ${file}`, () => {
    try {
      return Number(readFileSync(file, 'utf8'));
    } catch {
      return 0;
    }
  });
  const startTicks = startTicksOf(pid);
  onTestFinished(() => {
    if (lives(pid) && startTicksOf(pid) === startTicks) process.kill(pid, 'SIGKILL');
  });
  return pid;
}

const parentOf = (pid: number) => Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe('a daemon that left group, session and parent, and emptied its environment', () => {
  test('becomes a child of the watcher, and is ended by stop', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      '--name',
      'it',
      ...quick,
      '--',
      'sh',
      '-c',
      `${leaveDaemon} pid; exec sleep 1000`,
    ]);
    const daemon = await daemonOf(join(folder, 'pid'));
    await until('it is the child of the watcher', () => parentOf(daemon) === watcher.pid);
    expect(run(folder, ['stop', 'it']).code).toBe(0);
    expect(lives(daemon)).toBe(false);
  });

  test('is ended after a crash, before the next run', async () => {
    const folder = scratch();
    const script = `${leaveDaemon} pid$AGENT_WATCH_RUN; echo "up $AGENT_WATCH_RUN"; [ $AGENT_WATCH_RUN = 2 ] && exec sleep 1000; exit 1`;
    const watcher = startWatcher(folder, ['--name', 'it', ...quick, '--', 'sh', '-c', script]);
    const daemon = await daemonOf(join(folder, 'pid1'));
    await watcher.printed(/up 2/);
    expect(lives(daemon)).toBe(false);
    expect(lives(await daemonOf(join(folder, 'pid2')))).toBe(true);
  });

  test('is ended by the next watcher, after a kill -9 of the first and the end of the command', async () => {
    const folder = scratch();
    const args = [
      '--name',
      'it',
      ...quick,
      '--',
      'sh',
      '-c',
      `${leaveDaemon} pid$AGENT_WATCH_RUN; echo up; exec sleep 1000`,
    ];
    const first = startWatcher(folder, args);
    const daemon = await daemonOf(join(folder, 'pid1'));
    const { childPid } = await phaseIs(folder, 'it', 'running');
    await first.printed(/up/);
    first.process.kill('SIGKILL');
    await first.ended;
    process.kill(childPid ?? 0, 'SIGKILL');
    const second = startWatcher(folder, args);
    await second.printed(/up/);
    expect(lives(daemon)).toBe(false);
  });

  test.skipIf(noSecondUser)(`also if it changed its user${because(noSecondUser)}`, async () => {
    const folder = scratch();
    const other = `${leaveDaemon} pid$AGENT_WATCH_RUN ${asNobody.join(' ')} sleep 1000`;
    const script = `${other}; echo up; [ $AGENT_WATCH_RUN = 2 ] && exec sleep 1000; exit 1`;
    const watcher = startWatcher(folder, ['--name', 'it', ...quick, '--', 'sh', '-c', script]);
    const daemon = await daemonOf(join(folder, 'pid1'));
    await watcher.printed(/up\nup/);
    expect(lives(daemon)).toBe(false);
  });
});

test('a process beside the run is not touched, though it has the same user, program and folder', async () => {
  const folder = scratch();
  const watcher = startWatcher(folder, [
    '--name',
    'it',
    ...quick,
    '--',
    'sh',
    '-c',
    `${leaveDaemon} pid; echo up; exec sleep 1000`,
  ]);
  await watcher.printed(/up/);
  const beside = startWatcher(folder, [
    '--name',
    'beside',
    ...quick,
    '--',
    'sh',
    '-c',
    `${leaveDaemon} other; echo up; exec sleep 1000`,
  ]);
  await beside.printed(/up/);
  const [daemon, other] = [await daemonOf(join(folder, 'pid')), await daemonOf(join(folder, 'other'))];
  expect(run(folder, ['stop', 'it']).code).toBe(0);
  expect([lives(daemon), lives(other)]).toEqual([false, true]);
});

test('a service started from inside a run stays when the run is ended, and what it leaves does not', async () => {
  const folder = scratch();
  const inner = `agent-watch start --name inner -- sh -c '${leaveDaemon} inner; exec sleep 1000'`.replace(
    'agent-watch',
    executableWord(),
  );
  const watcher = startWatcher(folder, [
    '--name',
    'outer',
    ...quick,
    '--',
    'sh',
    '-c',
    `${inner}; echo up; exec sleep 1000`,
  ]);
  await watcher.printed(/up/);
  const daemon = await daemonOf(join(folder, 'inner'));
  expect(run(folder, ['stop', 'outer']).code).toBe(0);
  expect(lives(daemon)).toBe(true);
  await phaseIs(folder, 'inner', 'running');
  expect(run(folder, ['stop', 'inner']).code).toBe(0);
  expect(lives(daemon)).toBe(false);
});

test('4000 orphans leave no zombie', async () => {
  const folder = scratch();
  const orphans = 'i=0; while [ $i -lt 4000 ]; do ( : & ); i=$((i+1)); done; echo up; exec sleep 1000';
  const watcher = startWatcher(folder, ['--name', 'it', ...quick, '--', 'sh', '-c', orphans]);
  await watcher.printed(/up/);
  await until('all are reaped', () => zombiesOf(watcher.pid) === 0);
  expect(run(folder, ['stop', 'it']).code).toBe(0);
});

function executableWord(): string {
  return resolve(import.meta.dirname, '../../build/agent-watch');
}
