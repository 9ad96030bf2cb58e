import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

test('a run every second, never two at once, between them it waits and says for what', async () => {
  const folder = scratch();
  const script = 'echo "run $AGENT_WATCH_RUN at $(date +%s)"; [ $AGENT_WATCH_RUN = 2 ] && exit 3; sleep 0.2';
  const watcher = startWatcher(folder, ['--name', 'cron', '--schedule', '* * * * * *', '--', 'sh', '-c', script]);
  await phaseIs(folder, 'cron', 'waiting');
  // The wait is there before its end is known.
  const nextStartAt = await until('the next start is known', () => statusOf(folder, 'cron').nextStartAt);
  expect(nextStartAt).toMatch(/\.000Z$/);
  await watcher.printed(/run 4 at/);
  watcher.process.kill('SIGTERM');
  expect(await watcher.ended).toMatchObject({ code: 0 });
  const seconds = [...watcher.out().matchAll(/at (\d+)/g)].map(match => Number(match[1]));
  expect(new Set(seconds).size).toBe(seconds.length);
  expect(watcher.err()).toMatch(/exited with code 3 .*waiting for the schedule/);
});

test('--feed-last-output gives a run what the last one wrote', async () => {
  const folder = scratch();
  const script = 'read last; echo "$last+$AGENT_WATCH_RUN"';
  const args = ['--name', 'fed', '--schedule', '* * * * * *', '--feed-last-output', '--', 'sh', '-c', script];
  const watcher = startWatcher(folder, args);
  await watcher.printed(/^\+1\n\+1\+2\n\+1\+2\+3\n/);
  watcher.process.kill('SIGTERM');
  expect(await watcher.ended).toMatchObject({ code: 0 });
});

test('an invalid expression is refused', () => {
  const folder = scratch();
  const ended = run(folder, ['--schedule', '99 * * * *', '--', 'true']);
  expect(ended).toMatchObject({ code: 125 });
  expect(ended.err).toMatch(/--schedule: .*cron/);
});
