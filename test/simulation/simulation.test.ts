import { expect, test } from 'vitest';
import { FAULTS } from './faults.ts';
import { printReport, simulateMany } from './many.ts';
import { MOODS } from './moods.ts';

const seed = Number(process.env['SEED'] ?? 1);
const days = Number(process.env['DAYS'] ?? 10_000);

/** What strikes by chance at calls and news, besides the faults of the list. */
const BY_CHANCE = [
  'a line that could not be said',
  'child ended by a signal passed on',
  'doubled fact',
  'failed save',
  'hold that could not be written',
  'late fact',
  'late timer',
  'leftovers of a run',
  'processes that cannot be ended',
  'reset without a watcher',
  'stop before the start',
  'timer after disarm',
  'timer fires twice',
  'watcher killed between record and state',
  'watcher killed between two orders',
];

test(`${days} simulated days`, { timeout: 600_000 }, () => {
  const result = simulateMany(seed, days);
  printReport(result);
  expect(result.failure).toBeNull();
  expect(result.days).toBe(days);
  const struck = [...FAULTS.map(({ name }) => name), ...MOODS.map(({ name }) => `mood: ${name}`), ...BY_CHANCE];
  for (const what of struck)
    expect(result.counts.get(what) ?? 0, `${what} hardly ever struck`).toBeGreaterThanOrEqual(days / 1000);
});

test('a world is replayed by its seed alone', () => {
  const [first, second] = [simulateMany(7, 20), simulateMany(7, 20)];
  expect(second.counts).toEqual(first.counts);
  expect(second.steps).toBe(first.steps);
});
