import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, startWatcher, statusOf } from '../support/watcher.ts';

const MiB = 2 ** 20;
/** Holds so many MiB until the file `over` is there. */
const holder = (mebibytes: number) =>
  `"${process.execPath}" -e 'const held = Buffer.alloc(${mebibytes} * ${MiB}, 1); setInterval(() => require("fs").existsSync("over") && process.exit(held[0] - 1), 20)'`;
const every = (interval: string, retries: number) => ['--health-interval', interval, '--health-retries', `${retries}`];

describe('--max-memory is for the whole tree', () => {
  test('a small parent, a grandchild of 300 MB: the limit trips, TERM first', async () => {
    const folder = scratch();
    const command = `trap 'echo asked to end; exit 7' TERM; echo up $AGENT_WATCH_RUN; (${holder(300)}; true) & wait`;
    const args = ['--name', 'm', '--max-memory', '200M', ...every('300ms', 3), '--', 'sh', '-c', command];
    const watcher = startWatcher(folder, args);
    await watcher.said(
      /stopping: memory: [23]\d\dM in \d processes .*, more than 200M \(3 times in a row\); sent SIGTERM/,
    );
    await watcher.printed(/asked to end/);
    await watcher.said(/exited with code 7 after .* \(memory: .*; restart 1/);
    await until('its end is known', () => statusOf(folder, 'm').lastExit?.cause === 'limit');
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('one spike is no reason; the history of the tree is kept', async () => {
    const folder = scratch();
    const command = `${holder(300)}; echo the spike is over; exec sleep 1000`;
    const args = ['--name', 'm', '--max-memory', '200M', ...every('3s', 10), '--', 'sh', '-c', command];
    const watcher = startWatcher(folder, args);
    await until('it is over the limit once', () => statusOf(folder, 'm').health[0]?.detail.endsWith('(1 of 10)'));
    writeFileSync(join(folder, 'over'), '');
    await watcher.printed(/the spike is over/);
    await until('the probe has measured it again', () => statusOf(folder, 'm').health[0]?.ok === true);
    expect(statusOf(folder, 'm').restarts).toBe(0);
    expect(watcher.err()).not.toMatch(/stopping: /);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});

test('a threaded program is measured once', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'idle.cjs'), 'setInterval(() => {}, 1000)');
  const args = ['--name', 'm', '--max-memory', '1G', ...every('200ms', 3), '--', process.execPath, 'idle.cjs'];
  const watcher = startWatcher(folder, args);
  await phaseIs(folder, 'm', 'running');
  const { memoryBytes } = await until('it was measured', () => {
    const status = statusOf(folder, 'm');
    return status.health[0]?.detail.endsWith('in 1 process') && status;
  });
  expect(memoryBytes).toBeLessThan(100 * MiB);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
});
