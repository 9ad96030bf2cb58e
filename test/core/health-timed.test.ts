import { describe, expect, test } from 'vitest';
import { changedAt } from '../../src/core/health-judges.ts';
import type { HealthPolicy, ProbePolicy } from '../../src/core/health-model.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { type ControlRequests, healthWorld, ill, well } from './health-world.ts';

const minute = 60_000;
const hour = 3_600_000;
const day = 24 * hour;
type Timed = Extract<ProbePolicy, { way: 'timed' }>;
const watches = { stale: 'output', 'fresh-file': 'file', grow: 'artifacts' } as const;
const timed = (kind: keyof typeof watches, limitMs: number, startPeriodMs = 60_000): Timed => {
  return {
    way: 'timed',
    watches: watches[kind],
    ownWords: true,
    endsAs: 'probe',
    name: kind,
    severity: 'critical',
    kind,
    limitMs,
    startPeriodMs,
    lookMs: Math.max(5000, limitMs / 10),
  };
};
const only = (...probes: ProbePolicy[]): HealthPolicy => ({ probes, killWhen: null });

/** Something that happens every `everyMs` until `untilMs` after the start; its times on both clocks. */
function beat(everyMs: number, untilMs = Number.POSITIVE_INFINITY) {
  return (at: Stamp) => {
    const age = Math.min(at.mono - 1_000_000, untilMs);
    const agoMs = age < everyMs ? null : at.mono - 1_000_000 - Math.floor(age / everyMs) * everyMs;
    return { count: Math.floor(age / everyMs), agoMs };
  };
}

const output = (beats: ReturnType<typeof beat>): ControlRequests => ({
  stale: at => {
    const { agoMs } = beats(at);
    return { kind: 'progress', at: agoMs === null ? null : ((at.mono - agoMs) as Mono), detail: 'no output' };
  },
});
const file = (beats: ReturnType<typeof beat>, skew = 0): ControlRequests => ({
  'fresh-file': at => {
    const { agoMs } = beats(at);
    return { kind: 'file', mtime: (agoMs === null ? 1_600_000_000_000 : at.wall - agoMs + skew) as Wall };
  },
});
const artifacts = (beats: ReturnType<typeof beat>): ControlRequests => ({
  grow: at => {
    const { count, agoMs } = beats(at);
    return {
      kind: 'artifacts',
      count: 3,
      bytes: 100 + count,
      newest: (agoMs === null ? at.wall - day : at.wall - agoMs) as Wall,
    };
  },
});

describe('a probe with a time of its own', () => {
  test.each([
    ['stale', output],
    ['fresh-file', file],
    ['grow', artifacts],
  ] as const)(
    '%s: the last progress at 100 s and 20 min of nothing: judged once, at 21m40s and no later than a second',
    (kind, answers) => {
      const world = healthWorld(only(timed(kind, 20 * minute)), answers(beat(10_000, 100_000)));
      world.run(hour);
      const ended = world.ended()!;
      expect(ended.names).toEqual([kind]);
      expect(ended.atMs).toBeGreaterThanOrEqual(100_000 + 20 * minute);
      expect(ended.atMs).toBeLessThanOrEqual(100_000 + 20 * minute + 1000);
    },
  );

  test.each([
    ['stale', output],
    ['fresh-file', file],
    ['grow', artifacts],
  ] as const)(
    '%s: a child that never does anything ends at its limit, not within its start period',
    (kind, answers) => {
      const early = healthWorld(only(timed(kind, 2000, 60_000)), answers(beat(day)));
      early.run(hour);
      expect(early.ended()!.atMs).toBeGreaterThanOrEqual(60_000);
      expect(early.ended()!.atMs).toBeLessThanOrEqual(61_000);
      const late = healthWorld(only(timed(kind, 20 * minute)), answers(beat(day)));
      late.run(hour);
      expect(late.ended()!.atMs).toBeGreaterThanOrEqual(20 * minute);
      expect(late.ended()!.atMs).toBeLessThanOrEqual(20 * minute + 1000);
    },
  );

  test('the first progress ends the start period: three lines and silence at --stale-after 2s', () => {
    const world = healthWorld(only(timed('stale', 2000)), output(beat(100, 300)));
    world.run(minute);
    expect(world.ended()!.atMs).toBeGreaterThanOrEqual(2300);
    expect(world.ended()!.atMs).toBeLessThanOrEqual(3300);
    expect(world.state.reasons[0]!.detail).toMatch(/^no output for 2\.\ds$/);
  });

  test('thirty days of near misses at default timing: no verdict', () => {
    const near: ControlRequests = {
      ...output(beat(20 * minute - 1000)),
      ...file(beat(20 * minute - 1000)),
      ...artifacts(beat(2 * hour - 1000)),
      'http:x': (_at, n) => (n % 3 === 0 ? well() : ill('no answer in 5s')),
      memory: (_at, n) => (n % 3 === 0 ? well('1.9G', 1.9e9) : ill('2.1G', 2.1e9)),
      'kill-when': () => ({ kind: 'condition', result: 'clear', notYet: false, why: 'daily_loss 9.99' }),
    };
    const asked = {
      way: 'asked',
      ownWords: true,
      endsAs: 'probe',
      isMemory: false,
      severity: 'critical',
      retries: 3,
      judged: true,
    } as const;
    const policy: HealthPolicy = {
      probes: [
        timed('stale', 20 * minute),
        timed('fresh-file', 20 * minute),
        timed('grow', 2 * hour),
        { ...asked, name: 'http:x', kind: 'http', intervalMs: 30_000, graceMs: 90_000 },
        { ...asked, name: 'memory', kind: 'memory', endsAs: 'limit', isMemory: true, intervalMs: 5000, graceMs: 0 },
      ],
      killWhen: { intervalMs: 5000, maxAgeMs: 300_000, blindTrips: false },
    };
    const world = healthWorld(policy, near);
    for (let days = 0; days < 30; days++) world.run(day);
    expect(world.ended()).toBeNull();
    expect([...new Set(world.kinds())]).toEqual(['green']);
  });

  test('a gap of ten minutes between two ticks: no verdict, and the wait is longer by the gap', () => {
    const world = healthWorld(only(timed('stale', 2000, 0)), output(beat(100, 1000)));
    world.run(1500);
    world.pass(10 * minute);
    world.run(0);
    expect(world.ended()).toBeNull();
    expect(world.heard.at(-1)!.verdict).toMatchObject({ kind: 'clock-gap' });
    world.run(10_000);
    expect(world.ended()!.atMs).toBeGreaterThan(10 * minute);
  });

  test('output that came before a gap is the first of its run all the same', () => {
    const first = { ...timed('stale', 10_000, 0), once: true as const };
    const world = healthWorld(only(first), output(beat(500, 500)));
    world.run(10);
    world.pass(15_000);
    world.run(hour);
    expect(world.kinds()).toEqual(['clock-gap', 'green']);
    const silent = healthWorld(only(timed('stale', 10_000, 30_000)), output(beat(500, 500)));
    silent.run(10);
    silent.pass(15_000);
    silent.run(minute);
    expect(silent.kinds()).toEqual(['clock-gap', 'green', 'unhealthy']);
    expect(silent.state.reasons[0]!.detail).toMatch(/^no output for/);
  });

  test('a stop of the watcher shorter than a gap: what the pipe held is read before the second look', () => {
    let readAt = 0;
    const world = healthWorld(only(timed('stale', 10_000, 0)), {
      stale: at => ({ kind: 'progress', at: (readAt === 0 ? null : readAt) as Mono | null, detail: `${at.mono}` }),
    });
    readAt = 1_000_500;
    world.run(9000);
    world.pass(2500);
    world.run(50);
    readAt = 1_011_600;
    world.run(5000);
    expect(world.ended()).toBeNull();
  });

  test('a stalled reader of our output: silence is not judged, and is counted again when it flows again', () => {
    const world = healthWorld(only(timed('stale', 2000, 0)), output(beat(100, 1000)));
    world.run(1500);
    world.blocked(true);
    world.run(hour);
    expect(world.ended()).toBeNull();
    world.blocked(false);
    world.run(1500);
    expect(world.ended()).toBeNull();
    world.run(2000);
    expect(world.ended()!.names).toEqual(['stale']);
  });

  test('a wall clock that jumps a day forward and back kills nothing and freezes nothing', () => {
    for (const jump of [day, -day]) {
      const alive = healthWorld(only(timed('fresh-file', 20 * minute), timed('grow', 20 * minute)), {
        ...file(beat(minute)),
        ...artifacts(beat(minute)),
      });
      alive.run(hour + 30_000);
      alive.jumpWall(jump);
      alive.run(hour + 17_000);
      alive.jumpWall(-jump);
      alive.run(hour);
      expect(alive.ended()).toBeNull();
      const frozen = healthWorld(only(timed('fresh-file', 20 * minute)), {
        'fresh-file': at => ({
          kind: 'file',
          mtime: Math.floor(Math.min(at.mono, 1_000_000 + hour)) as Wall,
        }),
      });
      frozen.run(hour);
      frozen.jumpWall(jump);
      frozen.run(21 * minute);
      expect(frozen.ended()?.names).toEqual(['fresh-file']);
    }
  });

  test('a file that is missing for a moment while it is replaced is not missing', () => {
    let looks = 0;
    const world = healthWorld(only(timed('fresh-file', 2000, 0)), {
      'fresh-file': at => ({ kind: 'file', mtime: looks++ % 2 === 1 ? null : ((at.wall - 10) as Wall) }),
    });
    world.run(10 * minute);
    expect(world.ended()).toBeNull();
    const gone = healthWorld(only(timed('fresh-file', 2000, 0)), {
      'fresh-file': () => ({ kind: 'file', mtime: null }),
    });
    gone.run(minute);
    expect(gone.state.reasons[0]!.detail).toBe('missing; not written since the start 2.3s ago');
  });

  test('a file that shrinks is no growth, but is what later growth is measured by', () => {
    const sizes = [1000, 10, 10, 11];
    const world = healthWorld(only({ ...timed('grow', hour), lookMs: minute }), {
      grow: (at, n) => ({ kind: 'artifacts', count: 1, bytes: sizes[n - 1] ?? 11, newest: (at.wall - 1) as Wall }),
    });
    world.run(2 * minute + 100);
    expect(world.state.probes[0]!.ok).toBeNull();
    world.run(2 * minute);
    expect(world.state.probes[0]).toMatchObject({ ok: true, settled: true });
  });

  test('a look that cannot be made is no proof, but the time continues', () => {
    const world = healthWorld(only(timed('fresh-file', 2000, 0)), {
      'fresh-file': () => ({ kind: 'none', detail: 'the file system does not answer' }),
    });
    world.run(1900);
    expect(world.ended()).toBeNull();
    world.run(1000);
    expect(world.state.reasons[0]!.detail).toContain('the file system does not answer');
  });

  test('an optional one that fails and continues is restored by progress', () => {
    const world = healthWorld(
      only({ ...timed('stale', 2000, 0), severity: 'optional', lookMs: 500 }),
      output(beat(10_000)),
    );
    world.run(25_000);
    expect(world.kinds()).toEqual(['green', 'warning', 'restored', 'warning', 'restored', 'warning']);
  });

  test('a former run’s fresh file is well but no success of this one', () => {
    const world = healthWorld(only(timed('fresh-file', 20 * minute)), {
      'fresh-file': () => ({ kind: 'file', mtime: (1_700_000_000_000 - minute) as Wall }),
    });
    world.run(100);
    expect(world.state.probes[0]).toMatchObject({ ok: true, settled: false });
    world.run(hour);
    expect(world.ended()!.atMs).toBeGreaterThanOrEqual(20 * minute);
  });
});

describe('when a change happened', () => {
  const before: Stamp = { mono: 1000 as Mono, wall: 50_000 as Wall };
  const now: Stamp = { mono: 11_000 as Mono, wall: 60_000 as Wall };
  test.each([
    ['between the looks', 55_000, now, 6000],
    ['a coarse clock puts it a little before the former look', 49_500, now, 1000],
    ['long before: not to be believed', 20_000, now, 11_000],
    ['in the future: not to be believed', 99_000, now, 11_000],
    ['the wall clock ran ahead', 55_000, { mono: 11_000 as Mono, wall: 90_000 as Wall }, 11_000],
  ])('%s', (_name, changed, at, expected) => {
    expect(changedAt(changed as Wall, before, at)).toBe(expected);
  });
});
