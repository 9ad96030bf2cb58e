import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact } from '../../src/core/events.ts';
import { type HealthPolicy, KILL_WHEN, type Observation, type ProbePolicy } from '../../src/core/health-model.ts';
import type { RunId } from '../../src/core/model.ts';
import { virtualWatch } from './virtual-watch.ts';

const probe = (name: string, retries: number): ProbePolicy => {
  return {
    way: 'asked',
    ownWords: true,
    endsAs: 'probe',
    isMemory: false,
    name,
    severity: 'critical',
    kind: 'port',
    intervalMs: 1000,
    retries,
    graceMs: 0,
    judged: true,
  };
};
const told: ProbePolicy = {
  way: 'told',
  ownWords: false,
  endsAs: 'probe',
  lasts: true,
  name: 'told',
  severity: 'critical',
  kind: 'fail-pattern',
  startPeriodMs: 0,
  lookMs: 1e9,
};
const health: HealthPolicy = {
  probes: [probe('one', 1), probe('two', 2), probe('three', 1), told],
  killWhen: { intervalMs: 5000, maxAgeMs: 60_000, blindTrips: false },
};

/** Endless draws that shrink to zeros. */
const draws = fc.infiniteStream(fc.nat(99)).map(stream => () => stream.next().value as number);
const requests: readonly Fact[] = [
  { type: 'restart-requested', by: 'command' },
  { type: 'reset-requested', by: 'command' },
  { type: 'stop-requested', by: 'command', signal: null, now: false },
];

test('probes that flap at random: one restart a cause, none while it stops or is held', () => {
  const seen = { probe: 0, held: 0, twoReasons: 0 };
  fc.assert(
    fc.property(draws, fc.integer({ min: 1, max: 40 }), (draw, illness) => {
      const bad = (): Observation => ({ kind: 'answer', ok: draw() >= illness, detail: 'flapping', value: null });
      const condition = (): Observation => {
        return { kind: 'condition', result: draw() < 2 ? 'tripped' : 'clear', notYet: false, why: 'numbers' };
      };
      const watch = virtualWatch({
        policy: { health, backoffMs: 500, backoffFactor: 1, flapThreshold: draw() < 50 ? 0 : 3, stopTimeoutMs: 2000 },
        answer: name => (name === KILL_WHEN ? condition() : bad()),
        latencyMs: () => draw() * 30,
        livesMs: () => (draw() < 20 ? draw() * 100 : null),
        dyingMs: () => draw() * 40,
      });
      for (let step = 0; step < 60; step++) {
        watch.pass(draw() * 50);
        if (draw() < 5) watch.take(requests[draw() % 3] as Fact);
        // A listening probe speaks when it likes: of this run, of a former one, of none.
        const runId = watch.runs[Math.max(0, watch.runs.length - 1 - (draw() % 3))]?.runId ?? ('none' as RunId);
        if (draw() < 20)
          watch.take({ type: 'probes-reported', runId, reports: [{ probe: 'told', observation: bad() }] });
      }
      // The world itself finds two runs at once and a start in a hold.
      expect(watch.faults).toEqual([]);
      for (const { signals } of watch.runs) {
        // Asked once, whatever fails meanwhile; SIGKILL only after its grace.
        expect(signals.filter(signal => signal === 'SIGTERM').length).toBeLessThanOrEqual(1);
        expect(signals.indexOf('SIGKILL')).not.toBe(0);
      }
      expect(watch.stops().length).toBeLessThanOrEqual(watch.runs.length);
      seen.probe += watch.stops().filter(stop => stop.startsWith('probe:')).length;
      seen.twoReasons += watch.ends().filter(end => end.includes('; ')).length;
      if (watch.phase.kind === 'held') seen.held++;
    }),
    { numRuns: 300 },
  );
  // It was about something.
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(20);
});
