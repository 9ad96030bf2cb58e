import { expect, test } from 'vitest';
import { simulateMany } from './many.ts';
import { PLANTED } from './planted.ts';
import { PLANTED_HEALTH } from './planted-health.ts';

/** Days within which a planted fault must be found, from any seed. */
const WITHIN_DAYS = 4000;

test.each([...PLANTED, ...PLANTED_HEALTH])('found: $name', ({ name, machine }) => {
  const found = [1, 100_000].map(seed => {
    const { failure } = simulateMany(seed, WITHIN_DAYS, machine);
    expect(failure, `not found from seed ${seed}`).not.toBeNull();
    return `${failure?.days.toFixed(1)} days (${failure?.violation})`;
  });
  process.stdout.write(`${name}: ${found.join(', ')}\n`);
});

test('enough of them', () => {
  expect(PLANTED.length).toBeGreaterThanOrEqual(12);
});
