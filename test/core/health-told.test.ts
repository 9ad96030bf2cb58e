import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type HealthPolicy,
  healthRows,
  type Observation,
  type ProbePolicy,
  recoveryProof,
} from '../../src/core/health-model.ts';
import { faultOf } from '../../src/core/shape.ts';
import { healthShape } from '../../src/core/state-shape.ts';
import { type ControlRequests, healthWorld, ill, well } from './health-world.ts';

const told = (kind: 'fail-pattern' | 'error-rate'): ProbePolicy => {
  return {
    way: 'told',
    ownWords: false,
    endsAs: 'probe',
    lasts: kind === 'fail-pattern',
    name: kind,
    severity: 'critical',
    kind,
    startPeriodMs: 60_000,
    lookMs: 30_000,
  };
};
const only = (...probes: ProbePolicy[]): HealthPolicy => ({ probes, killWhen: null });

describe('probes that listen', () => {
  test('a failing line is judged at once, in the start period too', () => {
    const world = healthWorld(only(told('fail-pattern')), {});
    world.run(100);
    world.report({ probe: 'fail-pattern', observation: ill('CUDA error: device lost') });
    expect(world.ended()).toEqual({ atMs: 100, names: ['fail-pattern'] });
  });

  test('an error rate is not judged in the start period, and is when that ends', () => {
    const world = healthWorld(only(told('error-rate')), { 'error-rate': () => ill('51 errors in the last hour', 51) });
    world.run(10_000);
    world.report({ probe: 'error-rate', observation: ill('51 errors in the last hour', 51) });
    world.run(49_000);
    expect(world.ended()).toBeNull();
    world.run(2000);
    expect(world.ended()?.names).toEqual(['error-rate']);
    const later = healthWorld(only(told('error-rate')), { 'error-rate': () => well('0 errors', 0) });
    later.run(70_000);
    later.report({ probe: 'error-rate', observation: ill('51 errors') });
    expect(later.ended()?.atMs).toBe(70_000);
  });
});

describe('the kill condition', () => {
  const killWhen = { intervalMs: 5000, maxAgeMs: 300_000, blindTrips: false };
  const condition = (result: 'clear' | 'tripped' | 'blind', notYet = false): Observation => {
    return { kind: 'condition', result, notYet, why: result };
  };
  const say = (results: Observation[]): ControlRequests => ({
    'kill-when': (_at, n) => results[Math.min(n, results.length) - 1],
  });

  test('is read every 5 s without start period or retries; true is reported at once', () => {
    const world = healthWorld({ probes: [], killWhen }, say([condition('clear'), condition('tripped')]));
    world.run(11_000);
    expect(world.heard).toEqual([
      { atMs: 0, verdict: { kind: 'green' } },
      { atMs: 6010, verdict: { kind: 'tripped', why: 'tripped' } },
    ]);
  });

  test('missing metrics are reported once, and their row is failing', () => {
    const world = healthWorld(
      { probes: [], killWhen },
      say([condition('blind'), condition('blind'), condition('clear')]),
    );
    world.run(7000);
    expect(healthRows({ probes: [], killWhen }, world.state, String)).toEqual([
      expect.objectContaining({ name: 'kill-when', ok: false, detail: 'blind' }),
    ]);
    world.run(60_000);
    expect(world.kinds()).toEqual(['green', 'blind', 'sees-again']);
  });

  test('numbers that the output has not given yet have their greatest age to appear', () => {
    const world = healthWorld(
      { probes: [], killWhen: { ...killWhen, blindTrips: true } },
      say([condition('blind', true)]),
    );
    world.run(290_000);
    expect(world.kinds()).toEqual(['green']);
    world.run(20_000);
    expect(world.kinds()).toContain('tripped');
  });
});

test('whatever is reported, a run is ended for reasons that only grow, and every state has the form of the file', () => {
  const probes: ProbePolicy[] = [
    told('fail-pattern'),
    {
      way: 'asked',
      ownWords: true,
      endsAs: 'probe',
      isMemory: false,
      name: 'a',
      kind: 'check',
      severity: 'critical',
      intervalMs: 1000,
      retries: 2,
      graceMs: 0,
      judged: true,
    },
    {
      way: 'timed',
      ownWords: true,
      endsAs: 'probe',
      watches: 'output',
      name: 't',
      kind: 'stale',
      severity: 'optional',
      limitMs: 3000,
      startPeriodMs: 0,
      lookMs: 1000,
    },
  ];
  const observation = fc.oneof(
    fc.constant(well()),
    fc.constant(ill()),
    fc.constant<Observation>({ kind: 'none', detail: '' }),
    fc.constant<Observation>({ kind: 'file', mtime: null }),
  );
  const step = fc.oneof(
    fc.record({ run: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({ pass: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ jump: fc.integer({ min: -1e8, max: 1e8 }) }),
    fc.record({ probe: fc.constantFrom('fail-pattern', 'a', 't', 'x'), observation }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const world = healthWorld(only(...probes), { a: (_at, n) => (n % 3 === 0 ? ill() : well()) });
      let before = 0;
      for (const one of steps) {
        if ('run' in one) world.run(one.run);
        else if ('pass' in one) world.pass(one.pass);
        else if ('jump' in one) world.jumpWall(one.jump);
        else world.report(one);
        expect(world.state.reasons.length).toBeGreaterThanOrEqual(before);
        before = world.state.reasons.length;
        expect(new Set(world.state.reasons.map(({ name }) => name)).size).toBe(before);
        expect(faultOf(healthShape, JSON.parse(JSON.stringify(world.state)))).toBeNull();
      }
    }),
    { numRuns: 100 },
  );
});

test('a recovery names what proves it', () => {
  const policy = only({ ...told('error-rate'), name: 'errors' });
  const world = healthWorld(policy, {});
  expect(recoveryProof(policy, world.state, '2m')).toBe('up for 2m; errors: no such line');
});
