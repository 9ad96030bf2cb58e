import { decide } from '../../src/core/decide.ts';
import type { Machine } from './planted.ts';
import { Simulation } from './simulation.ts';

/** What came of many simulated worlds. */
export interface Result {
  seed: number;
  days: number;
  cpuSeconds: number;
  steps: number;
  /** How often each fault struck, and what else is worth counting. */
  counts: ReadonlyMap<string, number>;
  /** Null if nothing was violated. */
  failure: { worldSeed: number; days: number; violation: string; story: string } | null;
}

/** One world is so long: each has a policy and a child of its own. */
export const WORLD_DAYS = 10;

/** Lives through so many days, a world after the other, until something is violated. */
export function simulateMany(seed: number, days: number, machine: Machine = decide): Result {
  const counts = new Map<string, number>();
  const began = process.cpuUsage();
  let lived = 0;
  let steps = 0;
  let failure: Result['failure'] = null;
  for (let world = 0; lived < days && failure === null; world++) {
    const length = Math.min(WORLD_DAYS, days - lived);
    // A world's seed alone replays it, whatever came before.
    const worldSeed = seed + world;
    const sim = new Simulation(worldSeed, counts, machine);
    const isWell = sim.run(length);
    steps += sim.steps;
    if (isWell) lived += length;
    else {
      lived += sim.agenda.now / 86_400_000;
      failure = { worldSeed, days: lived, violation: sim.violation ?? 'unknown', story: sim.story() };
    }
  }
  const { user, system } = process.cpuUsage(began);
  return { seed, days: lived, cpuSeconds: (user + system) / 1e6, steps, counts, failure };
}

/** What a person wants to see of it. */
export function printReport({ seed, days, cpuSeconds, steps, counts, failure }: Result): void {
  const print = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  for (const [what, count] of [...counts].sort()) print(`${String(count).padStart(10)}  ${what}`);
  print(`${days.toFixed(1)} days and ${steps} steps from seed ${seed}`);
  print(`${cpuSeconds.toFixed(1)} s of processor, ${Math.round(days / cpuSeconds)} days a second`);
  if (failure === null) return print('nothing was violated');
  print(failure.story);
  print(`after ${failure.days.toFixed(1)} days; replay: npm run simulate -- --days 10 --seed ${failure.worldSeed}`);
}
