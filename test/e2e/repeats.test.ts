import { expect, test } from 'vitest';
import type { Incident } from '../../src/incidents/incident.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const loop = ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo "attempt $i failed"; sleep 0.05; done'];
const limit = ['--repeat-limit', '20/10s', '--health-start-period', '0s', '--health-interval', '1s'];

test('--repeat-limit tells of a program that prints the same line again and again, and lets it run', async () => {
  const folder = scratch();
  startWatcher(folder, ['--name', 'loop', ...limit, '--alert-file', 'alerts', '--', ...loop]);
  await phaseIs(folder, 'loop', 'running');
  const row = await until('a failing row', () => statusOf(folder, 'loop').health.find(({ ok }) => ok === false));
  expect(row).toMatchObject({
    name: 'repeats',
    severity: 'optional',
    detail: expect.stringMatching(/^100% of \d+ lines in 10s are alike: attempt \d+ failed$/),
  });
  expect(statusOf(folder, 'loop').restarts).toBe(0);
});

test('--repeat-action restart ends the run', async () => {
  const folder = scratch();
  startWatcher(folder, ['--name', 'loop', ...limit, '--repeat-action', 'restart', '--backoff', '1h', '--', ...loop]);
  await phaseIs(folder, 'loop', 'backoff');
  const incident = await until(
    'an incident',
    () => (JSON.parse(run(folder, ['incidents', '--json']).out) as Incident[])[0] ?? false,
  );
  expect(incident).toMatchObject({ kind: 'unhealthy', reasons: [{ name: 'repeats' }] });
});
