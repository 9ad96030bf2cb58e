import { expect, test } from 'vitest';
import type { Mono, Wall } from '../../src/core/units.ts';
import { createBudgetKeeper, statedIn } from '../../src/probes/budget-keeper.ts';
import { healthPolicy } from '../../src/probes/kinds.ts';
import { budgetProbe } from '../../src/probes/polled-probes.ts';
import { Bench } from '../core/bench.ts';
import { ask, spec } from './rig.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const budget = { metric: 'cost', sum: false, limit: 10, windowMs: DAY };
const stops = spec({ kind: 'budget', name: 'budget:cost', stage: 'stop', budget });
const alerts = spec({ kind: 'budget', name: 'budget:cost:early', stage: 'alert', severity: 'optional', budget });
const policy = { health: healthPolicy([stops, alerts], null), backoffMs: 0 };

/** The machine and the keeper of a watcher on virtual clocks, over a disk that outlives them. */
function service() {
  let kept: string | null = null;
  let bench = new Bench(policy);
  const store = {
    read: () => kept,
    write: (text: string) => {
      kept = text;
    },
  };
  const now = () => ({ mono: bench.mono as Mono, wall: bench.wall as Wall });
  const newKeeper = () => createBudgetKeeper(budget, { cwd: '/', env: {}, metrics: [], timeLimitMs: 1000, store, now });
  let keeper = newKeeper();
  bench.start();
  return {
    get bench() {
      return bench;
    },
    /** A run that prints these totals, an hour after one another; it ends by itself unless it is `cut` off. */
    async run(totals: readonly number[], cut = false): Promise<void> {
      const probes = [stops, alerts].map(one => budgetProbe(one, keeper, () => {}));
      for (const total of totals) {
        bench.pass(HOUR);
        for (const probe of probes) probe.hearLines?.([`{"total_cost_usd": ${total}}`], now().mono);
        const [stop, early] = await Promise.all(probes.map(probe => ask(probe)));
        const reports = [stop, early].map((seen, index) => ({
          probe: [stops, alerts][index]!.name,
          observation: seen!,
        }));
        if (bench.phase === 'running') bench.take({ type: 'probes-reported', runId: bench.runId, reports });
      }
      if (cut) return;
      for (const probe of probes) probe.close?.();
      bench.dies(0, bench.phase === 'stopping' ? { signal: 'SIGTERM' } : { code: 0 });
      if (bench.phase === 'backoff') bench.waitOut();
    },
    /** `kill -9` of the watcher, and the next one over what is on the disk. */
    killed(): void {
      const before = bench;
      bench = new Bench(policy, before.state);
      [bench.mono, bench.wall] = [before.mono, before.wall];
      keeper = newKeeper();
      bench.start();
    },
  };
}

test('a budget of a day adds up three runs over kill -9, alerts at four fifths, and waits until the first has left the window', async () => {
  const one = service();
  const begun = one.bench.wall;
  await one.run([1, 3]);
  await one.run([2, 4], true);
  expect(one.bench.told('probe-warning')).toBe(0);
  one.killed();
  await one.run([1.5]);
  expect(one.bench.told('probe-warning')).toBe(1);
  await one.run([1, 2]);
  const limited = one.bench.state.phase;
  expect(limited).toMatchObject({ kind: 'limited', limit: { cause: 'budget', until: begun + 2 * HOUR + DAY } });
  one.killed();
  expect(one.bench.state.phase).toMatchObject({ ...limited, timer: expect.any(Number) });
  one.bench.pass(DAY - 6 * HOUR);
  expect(one.bench.phase).toBe('limited');
  one.bench.pass(HOUR);
  expect(one.bench.phase).toBe('running');
  await one.run([0.5]);
  expect(one.bench.phase).toBe('running');
});

test.each([
  ['tokens=12,345 done', 'tokens', 12_345],
  [
    '{"usage":{"input_tokens":4,"cache_creation_input_tokens":800,"cache_read_input_tokens":9000,"output_tokens":50}}',
    'tokens',
    9854,
  ],
  ['cost=$1,234.50', 'cost', 1234.5],
  ['sizes=1,2,3', 'sizes', 1],
] as const)('%s: %s is %d', (line, name, value) => expect(statedIn(line, name, null)?.value).toBe(value));
