import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { phaseIs, run, startWatcher } from '../support/watcher.ts';

test('--resume-command is started after a crash, the plain command after two failed resumes', async () => {
  const folder = scratch();
  const options = ['--name', 'agent', '--backoff', '10ms', '--flap-threshold', '0'];
  const resume = ['--resume-command', 'echo resume $AGENT_WATCH_RUN; exit 2'];
  const watcher = startWatcher(folder, [
    ...options,
    ...resume,
    '--',
    'sh',
    '-c',
    'echo plain $AGENT_WATCH_RUN; exit 1',
  ]);
  await watcher.printed(/plain 1\nresume 2\nresume 3\nplain 4\nresume 5/);
  await watcher.said(/by --resume-command/);
  expect(run(folder, ['stop', 'agent']).code).toBe(0);
});

test('how often was resumed outlives a kill -9 of the watcher', async () => {
  const folder = scratch();
  const line = 'echo $0 $AGENT_WATCH_RUN';
  const resume = `[ $AGENT_WATCH_RUN = 3 ] && { echo last; exec sleep 1000; }; ${line.replace('$0', 'resume')}; exit 2`;
  const options = ['--name', 'agent', '--backoff', '10ms', '--flap-threshold', '0', '--resume-command', resume];
  const args = [...options, '--', 'sh', '-c', `${line}; exit 1`, 'plain'];
  const first = startWatcher(folder, args);
  await first.printed(/plain 1\nresume 2\nlast/);
  first.process.kill('SIGKILL');
  await first.ended;
  const second = startWatcher(folder, args);
  await second.printed(/^plain 4\nresume 5/);
  expect(run(folder, ['stop', 'agent']).code).toBe(0);
});

test('--resume-command is started after a kill -9 of the watcher', async () => {
  const folder = scratch();
  const args = ['--name', 'agent', '--resume-command', 'echo resumed; exec sleep 1000', '--', 'sleep', '1000'];
  const first = startWatcher(folder, args);
  await phaseIs(folder, 'agent', 'running');
  first.process.kill('SIGKILL');
  await first.ended;
  const second = startWatcher(folder, args);
  await second.printed(/resumed/);
  expect(run(folder, ['stop', 'agent']).code).toBe(0);
  const third = startWatcher(folder, args);
  const { childPid } = await phaseIs(folder, 'agent', 'running');
  expect(childPid).not.toBeNull();
  expect(third.out()).toBe('');
  expect(run(folder, ['stop', 'agent']).code).toBe(0);
});
