import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { isInsideRun, type RunMark, whyNoReset } from '../../src/host/own-process.ts';
import { readProcess } from '../../src/host/process-table.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

let folder = '';
let run: RunMark;
let child: ChildProcess;

/** A child as a watcher starts it, which runs the script; the pids that it writes are read by `pidOf`. */
function watched(script: string): void {
  folder = scratch();
  const env = {
    PATH: process.env['PATH'],
    AW_TEST_FOLDER: folder,
    AGENT_WATCH_NAME: 'n',
    AGENT_WATCH_STATE_DIR: folder,
    AGENT_WATCH_RUN_ID: 'b'.repeat(32),
  };
  child = spawn('sh', ['-c', script], { cwd: folder, env, detached: true, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  const startTicks = readProcess(pid)?.startTicks ?? null;
  run = { name: 'n', stateDir: folder, runId: 'b'.repeat(32), childPid: pid, startTicks };
}

async function pidOf(file: string): Promise<number> {
  const path = join(folder, file);
  const pid = await until(file, () => existsSync(path) && Number(readFileSync(path, 'utf8')));
  onTestFinished(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended with its parent.
    }
  });
  return pid;
}

const sleeper = (file: string) => `sh -c 'echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 60'`;

describe('inside', () => {
  const cases: [string, string][] = [
    ['a grandchild', `${sleeper('pid')} & wait`],
    ['one with a clean environment', `env -i ${sleeper('pid')} & wait`],
    ['one in a session of its own', `setsid ${sleeper('pid')} & wait`],
    [
      'one in a session of its own with a clean environment, its parents alive',
      `env -i setsid ${sleeper('pid')} & wait`,
    ],
    ['an orphan with a clean environment in the child’s session', `(env -i ${sleeper('pid')} &) ; exec sleep 60`],
    ['an orphan in a session of its own that kept the environment', `(setsid ${sleeper('pid')} &) ; exec sleep 60`],
    [
      'an orphan of another session whose own child has a clean environment',
      `(setsid sh -c "env -i ${sleeper('pid').replaceAll('$', '\\$')} & wait" &) ; exec sleep 60`,
    ],
  ];
  for (const [what, script] of cases) {
    test(what, async () => {
      watched(script);
      const pid = await pidOf('pid');
      // In the middle of an exec a process shows no environment for a moment.
      await until('it is seen to be inside', () => isInsideRun(pid, run));
      expect(whyNoReset({ pid: pid }, run)).toMatch(/may not lift its own hold/);
    });
  }

  test('the child itself, and what it left when it is dead', async () => {
    watched(`(env -i ${sleeper('pid')} &) ; exec sleep 60`);
    const pid = await pidOf('pid');
    expect(isInsideRun(child.pid ?? 0, run)).toBe(true);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    expect(isInsideRun(pid, run)).toBe(true);
  });

  test('one that carries only the name and state folder, as of an earlier run', async () => {
    watched(`(AGENT_WATCH_RUN_ID=other setsid ${sleeper('pid')} &) ; exec sleep 60`);
    const pid = await pidOf('pid');
    const noRun = { ...run, runId: null, childPid: null, startTicks: null };
    await until('it is seen to be inside', () => isInsideRun(pid, noRun));
  });

  test('one that cannot be seen', () => {
    watched('exec sleep 60');
    expect(isInsideRun(2 ** 22 + 1, run)).toBe(true);
  });
});

describe('outside', () => {
  beforeEach(() => watched('exec sleep 60'));

  test('we, our parent, and pid 1', () => {
    for (const pid of [process.pid, process.ppid]) {
      expect(isInsideRun(pid, run)).toBe(false);
      expect(whyNoReset({ pid: pid }, run)).toBeNull();
    }
    expect(isInsideRun(1, run)).toBe(false);
  });

  test('a run of the same name in another state folder, and one of another name', () => {
    const pid = child.pid ?? 0;
    const other = { ...run, runId: 'c'.repeat(32), childPid: null, startTicks: null };
    expect(isInsideRun(pid, { ...other, stateDir: '/elsewhere' })).toBe(false);
    expect(isInsideRun(pid, { ...other, name: 'm' })).toBe(false);
  });

  test('a later process with the child’s pid', () => {
    const later = { ...run, name: 'm', runId: null, startTicks: (run.startTicks ?? 0) - 1 };
    expect(isInsideRun(child.pid ?? 0, later)).toBe(false);
  });
});

test('whoever does not say who it is gets no reset', () => {
  watched('exec sleep 60');
  for (const pid of [0, 1, -1, 1.5, '5', null, undefined]) expect(whyNoReset({ pid }, run)).toMatch(/did not identify/);
  expect(whyNoReset({ pid: 2 ** 22 + 1 }, run)).toMatch(/is not visible/);
});
