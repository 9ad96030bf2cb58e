import { describe, expect, test } from 'vitest';
import type { HealthPolicy, ProbePolicy } from '../../src/core/health-model.ts';
import { healthWorld, ill, well } from './health-world.ts';

const port: ProbePolicy = {
  way: 'asked',
  ownWords: true,
  endsAs: 'probe',
  isMemory: false,
  name: 'port:80',
  severity: 'critical',
  kind: 'port',
  intervalMs: 1000,
  retries: 3,
  graceMs: 7000,
  judged: true,
};
const only = (...probes: ProbePolicy[]): HealthPolicy => ({ probes, killWhen: null });

describe('a probe that asks', () => {
  test('a slow starter is left alone in its start period; one that never opens ends at start period + retries × interval', () => {
    const slow = healthWorld(only(port), { 'port:80': at => (at.mono < 1_004_000 ? ill() : well()) });
    slow.run(60_000);
    expect(slow.ended()).toBeNull();
    const never = healthWorld(only({ ...port, retries: 2 }), { 'port:80': () => ill() });
    never.run(60_000);
    // start period 6 s + 2 × 1 s, and the time of an answer.
    expect(never.ended()).toEqual({ atMs: 8010, names: ['port:80'] });
  });

  test('the first success ends the start period', () => {
    const world = healthWorld(only({ ...port, graceMs: 60_000 }), {
      'port:80': (_at, n) => (n === 1 ? well() : ill()),
    });
    world.run(10_000);
    expect(world.ended()).toEqual({ atMs: 4010, names: ['port:80'] });
  });

  test.each([
    ['fail, ok, fail, ok …', 2, [false, true], null],
    ['fail, fail', 2, [false, false], ['port:80']],
    ['two failures of three', 3, [false, false, true], null],
    ['one is enough', 1, [true, false], ['port:80']],
  ])('%s at retries %i', (_name, retries, pattern, names) => {
    const world = healthWorld(only({ ...port, retries }), {
      'port:80': (_at, n) => (n === 1 || pattern[n % pattern.length] ? well() : ill()),
    });
    world.run(60_000);
    expect(world.ended()?.names ?? null).toEqual(names);
  });

  test('an answer under way over a gap counts only if it is good', () => {
    let stuck = true;
    const world = healthWorld(only({ ...port, retries: 1, graceMs: 0 }), {
      'port:80': (_at, n) => (n === 1 ? well() : stuck ? undefined : well()),
    });
    world.run(2500);
    world.pass(60_000);
    stuck = false;
    world.run(0);
    world.report({ probe: 'port:80', observation: { kind: 'none', detail: 'it was not asked in time' } });
    world.run(30_000);
    expect(world.ended()).toBeNull();
  });

  test.each([false, true])(
    'an answer that is read before the late timer fires: a gap all the same (good: %s)',
    good => {
      const other: ProbePolicy = { ...port, name: 'port:81', intervalMs: 500 };
      const world = healthWorld(only({ ...port, retries: 1, graceMs: 0 }, other), {
        'port:80': (_at, n) => (n === 1 ? well() : undefined),
        'port:81': () => well(),
      });
      world.run(2200);
      const dueMs = (world.state.nextTickAt ?? 0) - world.now().mono;
      world.pass(30_000);
      world.report({ probe: 'port:80', observation: good ? well() : ill('no answer in 5s') });
      expect(world.ended()).toBeNull();
      expect(world.heard.map(({ verdict }) => verdict)).toContainEqual({ kind: 'clock-gap', gapMs: 30_000 - dueMs });
      world.run(20);
      expect(world.kinds().filter(kind => kind === 'clock-gap')).toHaveLength(1);
    },
  );

  test('a failing answer that was under way when a tick came late is void', () => {
    const other: ProbePolicy = { ...port, name: 'port:81', intervalMs: 500 };
    const world = healthWorld(only({ ...port, retries: 1, graceMs: 0 }, other), {
      'port:80': (_at, n) => (n === 1 ? well() : undefined),
      'port:81': () => well(),
    });
    world.run(2200);
    world.pass(30_000);
    world.run(20);
    expect(world.kinds()).toContain('clock-gap');
    world.report({ probe: 'port:80', observation: ill('no answer in 5s') });
    expect(world.ended()).toBeNull();
    expect(world.state.probes[0]!.failures).toBe(0);
  });

  test('it is never asked again before it has answered', () => {
    const world = healthWorld(only(port), { 'port:80': (_at, n) => (n < 3 ? well() : undefined) });
    world.run(600_000);
    expect(world.asked['port:80']).toBe(3);
  });

  test('an optional one only warns, and tells when it is passing again', () => {
    const world = healthWorld(only({ ...port, severity: 'optional', graceMs: 0 }), {
      'port:80': (_at, n) => (n > 10 && n < 20 ? ill() : well()),
    });
    world.run(60_000);
    expect(world.kinds()).toEqual(['green', 'warning', 'restored']);
    expect(world.state.reasons).toEqual([]);
  });

  test('two that fail in the same moment are one reason list, reported once', () => {
    const both = only({ ...port, name: 'a', retries: 1 }, { ...port, name: 'b', retries: 1 });
    const answers = {
      a: (_: unknown, n: number) => (n < 5 ? well() : ill()),
      b: (_: unknown, n: number) => (n < 5 ? well() : ill()),
    };
    const world = healthWorld(both, answers);
    world.run(20_000);
    const said = world.heard.filter(({ verdict }) => verdict.kind === 'unhealthy');
    expect(said).toHaveLength(1);
    expect(world.ended()?.names).toEqual(['a', 'b']);
  });

  test('one that fails before the child has ended adds its reason', () => {
    const world = healthWorld(
      only({ ...port, name: 'a', retries: 1, graceMs: 0 }, { ...port, name: 'b', retries: 1, graceMs: 0 }),
      {},
    );
    world.report({ probe: 'a', observation: ill() });
    world.report({ probe: 'b', observation: ill('HTTP 503') });
    const last = world.heard.at(-1)!.verdict;
    expect(last).toMatchObject({ kind: 'unhealthy', reasons: [{ name: 'a' }, { name: 'b', detail: 'HTTP 503' }] });
  });

  test('a report of an unknown name, or one not asked for, is harmless', () => {
    const world = healthWorld(only(port), { 'port:80': () => well() });
    world.report({ probe: 'nobody', observation: ill() });
    world.report({ probe: 'port:80', observation: { kind: 'file', mtime: null } });
    world.run(10_000);
    expect(world.ended()).toBeNull();
  });
});

describe('memory and disk', () => {
  const memory: ProbePolicy = {
    ...port,
    name: 'memory',
    kind: 'memory',
    endsAs: 'limit',
    isMemory: true,
    intervalMs: 5000,
    graceMs: 0,
  };
  test('three samples in a row above the limit, in the start period too; a spike is none', () => {
    const spike = healthWorld(only(memory), {
      memory: (_at, n) => (n % 4 === 0 ? ill('2G', 2e9) : well('1G', 1e9)),
    });
    spike.run(3_600_000);
    expect(spike.ended()).toBeNull();
    const leak = healthWorld(only(memory), { memory: () => ill('2G', 2e9) });
    leak.run(60_000);
    expect(leak.ended()).toEqual({ atMs: 11_010, names: ['memory'] });
  });

  test('its history spans the run in at most 60 points', () => {
    const world = healthWorld(only(memory), { memory: at => well('fine', at.mono) });
    world.run(24 * 3_600_000);
    const { memory: points } = world.state;
    expect(points.length).toBeGreaterThanOrEqual(30);
    expect(points.length).toBeLessThanOrEqual(60);
    expect(points.map(({ at }) => at)).toEqual(points.map(({ at }) => at).toSorted((a, b) => a - b));
    expect(points.at(-1)!.at - points[0]!.at).toBeGreaterThan(23.9 * 3_600_000);
  });

  test('one that is only sampled is neither judged nor needed for green', () => {
    const world = healthWorld(only({ ...memory, judged: false }), { memory: () => ill('2G', 2e9) });
    world.run(60_000);
    expect(world.kinds()).toEqual(['green']);
    expect(world.state.memory.length).toBeGreaterThan(5);
  });
});
