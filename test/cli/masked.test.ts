import { expect, test } from 'vitest';
import { maskedStatuses } from '../../src/cli/fleet/select.ts';
import { aStatus } from '../support/a-status.ts';

test.each([
  [['python3', 'bot.py', '--api-key', 'hunter2hunter2'], 'hunter2'],
  [['sh', '-c', 'TOKEN=hunter2hunter2 ./bot'], 'hunter2'],
  [['node', 'x.js', 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'], 'abcdefghij'],
  [['sh', '-c', 'curl https://joe:hunter2@example.com/'], 'hunter2'],
  [['python3', '-c', 'login("joe", "hunter2hunter2")'], 'never shown as it is'],
])('what may hold a secret goes through what finds secrets: %j', async (command, secret) => {
  const [shown] = await maskedStatuses([aStatus({ command })]);
  expect(shown?.command.join(' ')).not.toContain(secret);
});

test('a plain command is shown as it is', async () => {
  const plain = ['python3', '-u', '/srv/bots/trader.py', '--mode', 'live'];
  expect((await maskedStatuses([aStatus({ command: plain })]))[0]?.command).toEqual(plain);
});
