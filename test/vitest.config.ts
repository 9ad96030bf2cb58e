import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  test: {
    include: ['test/**/*.test.ts'],
    // Real processes run in most files: two files at a time is what two cores carry.
    maxWorkers: 2,
    pool: 'forks',
    // What people read shows the time of the machine.
    env: { TZ: 'UTC' },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
