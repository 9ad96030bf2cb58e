import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

test('a program that fails in the same way after each long silence never recovers: one incident, growing waits, one alert', async () => {
  const folder = scratch();
  const alerts = join(folder, 'alerts');
  const options = [
    '--name',
    'agent',
    '--healthy-after',
    '300ms',
    '--backoff',
    '100ms',
    '--flap-threshold',
    '0',
    '--alert-file',
    alerts,
  ];
  const script = 'sleep 0.6; echo "ValueError: the session is gone" >&2; exit 1';
  const watcher = startWatcher(folder, [...options, '--', 'sh', '-c', script]);
  await watcher.said(/the recovery is withdrawn/);
  await watcher.said(/restart \d+ in 800ms/);
  await until('it counts on', () => (incidentsOf(folder, 'agent')[0]?.repeats ?? 0) >= 3 || undefined);
  expect(incidentsOf(folder, 'agent')).toMatchObject([{ kind: 'crash', recoveredAt: null }]);
  expect(watcher.err().match(/the recovery is withdrawn/g)).toHaveLength(1);
  const told = await until('it is alerted', () => {
    const text = readFileSync(alerts, 'utf8');
    return text.includes('again and again') && text;
  });
  expect(told).not.toContain('recovered');
  expect(told.match(/again and again/g)).toHaveLength(1);
  expect(run(folder, ['stop', 'agent']).code).toBe(0);
  expect(statusOf(folder, 'agent').phase).toBe('stopped');
});
