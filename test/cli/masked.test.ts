import { expect, test } from 'vitest';
import { maskedStatuses } from '../../src/cli/fleet/select.ts';
import type { Status } from '../../src/core/status.ts';

const status = (command: readonly string[]): Status => ({
  name: 'a',
  phase: 'running',
  childPid: 1,
  watcherPid: 2,
  command,
  startedAt: null,
  uptimeMs: null,
  restarts: 0,
  crashesInWindow: 0,
  backoffMs: 1000,
  nextStartAt: null,
  lastExit: null,
  health: [],
  cpuPercent: null,
  memoryBytes: null,
  outputBlockedSince: null,
  logDroppedBytes: 0,
  holdReason: null,
  lastIncidentId: null,
  limit: null,
});

test.each([
  [['python3', 'bot.py', '--api-key', 'hunter2hunter2'], 'hunter2'],
  [['sh', '-c', 'TOKEN=hunter2hunter2 ./bot'], 'hunter2'],
  [['node', 'x.js', 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'], 'abcdefghij'],
  [['sh', '-c', 'curl https://joe:hunter2@example.com/'], 'hunter2'],
  [['python3', '-c', 'login("joe", "hunter2hunter2")'], 'never shown as it is'],
])('what may hold a secret goes through what finds secrets: %j', async (command, secret) => {
  const [shown] = await maskedStatuses([status(command)]);
  expect(shown?.command.join(' ')).not.toContain(secret);
});

test('a plain command is shown as it is', async () => {
  const plain = ['python3', '-u', '/srv/bots/trader.py', '--mode', 'live'];
  expect((await maskedStatuses([status(plain)]))[0]?.command).toEqual(plain);
});
