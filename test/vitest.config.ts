import { defineConfig } from 'vitest/config';

/** Files without processes, servers or clocks: a worker runs many of them, and `npm run test:fast` runs no others. */
const pure = [
  'test/core',
  'test/incidents/{brief,fingerprint,hostile-logs,measured-cause,post-mortem}*',
  'test/incidents/{outcome,redaction,triage}',
  'test/cli/{options,arguments,naming}',
  'test/cli/{values,health-settings,help,schema}*',
  'test/diagnosis/{prompt,answer}*',
  'test/alerts/{formats,cooldown}*',
  'test/probes/condition*',
  'test/docs/{wording,paths}*',
].map(path => (path.endsWith('*') ? `${path}.test.ts` : `${path}/**/*.test.ts`));

export default defineConfig({
  root: `${import.meta.dirname}/..`,
  test: {
    // Real processes run in most files, beside the runner: two files at a time keep two cores busy.
    maxWorkers: 2,
    pool: 'forks',
    // What people read shows the time of the machine.
    env: { TZ: 'UTC' },
    // Only what hangs comes near them: a test may wait for several things, each with a deadline of its own.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      { extends: true, test: { name: 'pure', include: pure, isolate: false } },
      { extends: true, test: { name: 'real', include: ['test/**/*.test.ts'], exclude: pure } },
    ],
  },
});
