import type { Policy } from '../../src/core/model.ts';
import { DEFAULT_POLICY } from '../core/bench.ts';
import type { Random } from './random.ts';

const minute = 60_000;

// Asked far more seldom than a real one: each question is a step of the simulation.
const PROBE = {
  way: 'asked',
  ownWords: true,
  endsAs: 'probe',
  isMemory: false,
  name: 'probe',
  kind: 'port',
  severity: 'critical',
  graceMs: minute,
  judged: true,
} as const;

/** One world's policy: the defaults often, else each setting drawn from what people choose and what lies at an edge. */
export function randomPolicy(random: Random): Policy {
  if (random.chance(0.25)) return DEFAULT_POLICY;
  const { pick, chance } = random;
  return {
    restart: pick(['always', 'always', 'always', 'on-failure', 'on-failure', 'never']),
    backoffMs: pick([0, 20, 1000, 1000, 5000]),
    backoffFactor: pick([1, 1.5, 2, 2, 3]),
    backoffMaxMs: pick([0, 10_000, 5 * minute, 60 * minute]),
    jitter: chance(0.3) ? pick([0.1, 0.5, 1]) : 0,
    healthyAfterMs: pick([0, 5000, 30_000, 2 * minute, 2 * minute]),
    flapThreshold: pick([1, 3, 5, 5, 10]),
    flapWindowMs: pick([10_000, 5 * minute, 60 * minute]),
    flapCooldownMs: pick([0, minute, 10 * minute, 120 * minute]),
    maxRestarts: chance(0.2) ? pick([0, 1, 5]) : null,
    successCodes: pick([[0], [0], [], [0, 2]]),
    holdCodes: chance(0.3) ? pick([[78], [2, 78]]) : [],
    onHold: pick(['wait', 'wait', 'exit']),
    stopSignal: pick(['SIGTERM', 'SIGTERM', 'SIGQUIT']),
    stopSignalGiven: chance(0.5),
    dumpSignal: null,
    stopTimeoutMs: pick([0, 1000, 10_000, 10_000, 60_000]),
    stopTo: pick(['main', 'main', 'tree']),
    maxRuntimeMs: chance(0.2) ? pick([minute, 60 * minute, 24 * 60 * minute]) : null,
    expectDurationMs: chance(0.1) ? pick([minute, 10 * minute]) : null,
    onCause: DEFAULT_POLICY.onCause,
    maxWaitMs: pick([2 * 3_600_000, 8 * 86_400_000]),
    resumes: chance(0.3),
    scheduled: chance(0.1),
    checksRuns: chance(0.3),
    health: {
      probes: chance(0.3) ? [{ ...PROBE, intervalMs: pick([10 * minute, 60 * minute]), retries: pick([1, 3]) }] : [],
      killWhen: chance(0.2) ? { intervalMs: 20 * minute, maxAgeMs: 5 * minute, blindTrips: chance(0.5) } : null,
    },
  };
}
