import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  test: {
    include: ['test/**/*.test.ts'],
    // Real processes run in most files, and wait half of the time: three files at a time keep two cores busy.
    maxWorkers: 3,
    pool: 'forks',
    // What people read shows the time of the machine.
    env: { TZ: 'UTC' },
    // Only what hangs comes near them: a test may wait for several things, each with a deadline of its own.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
