import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { startWatcher } from '../support/watcher.ts';

test('an unhandled signal ends the watcher and its child', async () => {
  const folder = scratch();
  const script = 'echo $$; trap "" TERM; while :; do sleep 0.05; done';
  const watcher = startWatcher(folder, ['--name', 'alarm', '--', 'sh', '-c', script]);
  await watcher.printed(/^\d+$/m);
  const child = Number(watcher.out().trim());
  watcher.process.kill('SIGALRM');
  expect(await watcher.ended).toEqual({ code: null, signal: 'SIGALRM' });
  await until('the child is gone', () => !existsSync(`/proc/${child}`));
});
