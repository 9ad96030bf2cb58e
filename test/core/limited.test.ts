import { describe, expect, test } from 'vitest';
import type { EndReading } from '../../src/core/events.ts';
import type { ProbePolicy } from '../../src/core/health-model.ts';
import type { TimerId } from '../../src/core/model.ts';
import { encoded, readSnapshot, restore, SNAPSHOT_VERSION, type Snapshot } from '../../src/core/snapshot.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { Bench } from './bench.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const none: EndReading = { cause: null, limit: null, line: null, success: null, why: null };
/** An end that states a limit; `inMs`: when it ends, from now. */
function limit(bench: Bench, inMs: number | null, more: Partial<NonNullable<EndReading['limit']>> = {}): EndReading {
  const until = inMs === null ? null : ((bench.wall + inMs) as Wall);
  return { ...none, cause: 'rate-limited', limit: { kind: 'quota', until, own: true, ...more }, line: 'limit reached' };
}
const refused: EndReading = { ...none, cause: 'auth-failed', line: 'Not logged in' };
const failed = { code: 1 };

describe('a limit with a time', () => {
  test('five hours cost one start at their end, and no crash, flap or step of the backoff', () => {
    const bench = new Bench().start();
    bench.dies(3000, failed, limit(bench, 5 * hour));
    expect(bench.phase).toBe('limited');
    expect(bench.ordered('open-incident')).toBe(1);
    expect(bench.state).toMatchObject({
      crashes: [],
      backoffStep: 0,
      restartsInRow: 0,
      lastExit: { cause: 'limited' },
    });
    bench.pass(5 * hour + minute - 3001);
    expect(bench.phase).toBe('limited');
    bench.pass(1);
    expect(bench).toMatchObject({ phase: 'running', state: { run: 2 } });
  });

  test('a margin of a minute and a random one are added to the start, not to the time that is told', () => {
    const bench = new Bench().start();
    bench.roll = 0.5;
    const until = bench.wall + hour + 3000;
    bench.dies(3000, failed, { ...limit(bench, hour + 3000) });
    expect(bench.state.phase).toMatchObject({ limit: { until }, startAt: until + 90_000 });
  });

  test.each([
    ['less than 10 minutes ahead: an ordinary restart that waits for it', 5 * minute, 'backoff', 5 * minute],
    ['past: an ordinary restart', -minute, 'backoff', 1000],
    ['10 minutes ahead: a limited wait', 10 * minute, 'limited', 11 * minute],
    ['further ahead than --max-wait: tried after 15 minutes', 8 * day + hour, 'limited', 15 * minute],
  ])('%s', (_what, inMs, phase, waitMs) => {
    const bench = new Bench().start();
    bench.dies(0, failed, limit(bench, inMs));
    expect(bench).toMatchObject({ phase, waitMs });
    expect(bench.state.crashes).toHaveLength(phase === 'backoff' ? 1 : 0);
  });

  test('in general wording is believed an hour ahead at most', () => {
    const of = (inMs: number) => {
      const bench = new Bench().start();
      return bench.dies(0, failed, limit(bench, inMs, { own: false, kind: 'throttle' })).waitMs;
    };
    expect(of(hour)).toBe(hour + minute);
    expect(of(hour + 1)).toBe(15 * minute);
  });

  test('three in a row are believed; then it is tried after 30, and every 60 minutes', () => {
    const bench = new Bench().start();
    const waits = Array.from({ length: 6 }, () => {
      bench.dies(0, failed, limit(bench, 2 * hour));
      const { waitMs } = bench;
      bench.waitOut();
      return waitMs / minute;
    });
    expect(waits).toEqual([121, 121, 121, 30, 60, 60]);
  });
});

test('a limit without a time is tried after 15, 30, then every 60 minutes', () => {
  const bench = new Bench().start();
  const waits = Array.from({ length: 5 }, () => {
    bench.dies(0, failed, limit(bench, null));
    const { waitMs } = bench;
    bench.waitOut();
    return waitMs / minute;
  });
  expect(waits).toEqual([15, 30, 60, 60, 60]);
});

describe('a run that is stopped for its silence', () => {
  const silent = (reading: (bench: Bench) => EndReading) => {
    const bench = new Bench().start();
    bench.pass(11 * minute);
    const { phase } = bench.state;
    if (phase.kind !== 'running') throw new Error(phase.kind);
    const why = 'stale: no output for 10m';
    const stop = { cause: 'probe', why, signal: 'SIGTERM', graceTimer: 9 as TimerId, restAskedAt: null } as const;
    const reasons = [{ name: 'stale', detail: 'no output for 10m', severity: 'critical' as const }];
    bench.state = {
      ...bench.state,
      phase: { kind: 'stopping', live: phase.live, reasons, since: phase.live.since, killed: null, ...stop },
    };
    bench.dies(0, { code: 0 }, reading(bench));
    return bench;
  };

  test('while it waits for a limit waits on without it', () => {
    const bench = silent(bench => ({ ...limit(bench, 2 * hour), waited: true }));
    expect(bench).toMatchObject({ phase: 'limited', state: { crashes: [], lastExit: { cause: 'limited' } } });
  });

  test.each([
    ['that waits for a moment only', (bench: Bench) => ({ ...limit(bench, minute), waited: true as const })],
    ['whose words are about another end', (bench: Bench) => limit(bench, 2 * hour)],
  ])('%s has failed its probe', (_what, reading) => {
    expect(silent(reading)).toMatchObject({ phase: 'backoff', state: { lastExit: { cause: 'probe' } } });
  });
});

test('a throttle without a time is a crash with the ordinary backoff', () => {
  const bench = new Bench().start();
  bench.dies(0, failed, limit(bench, null, { kind: 'throttle' }));
  expect(bench).toMatchObject({ phase: 'backoff', waitMs: 1000, state: { lastExit: { cause: 'crash' } } });
});

test('exit code 0 with a limit is one; under never it ends with 1, under on-failure it waits', () => {
  const under = (restart: 'never' | 'on-failure') => {
    const bench = new Bench({ restart }).start();
    return bench.dies(0, { code: 0 }, limit(bench, hour));
  };
  const never = under('never');
  expect(never.state.phase).toEqual({ kind: 'finished', code: 1 });
  expect(never.ordered('open-incident')).toBe(1);
  expect(under('on-failure').phase).toBe('limited');
});

test('limits in a row are one incident, closed by one healthy run', () => {
  const bench = new Bench().start();
  const opened = Array.from({ length: 3 }, () => {
    bench.dies(0, failed, limit(bench, hour));
    const count = bench.ordered('open-incident');
    bench.waitOut();
    return count;
  });
  expect(opened).toEqual([1, 0, 0]);
  bench.effects = [];
  bench.pass(2 * minute);
  expect(bench.ordered('close-incident')).toBe(1);
  expect(bench.state.limitsInRow).toBe(0);
});

describe('a client that tries again for minutes before it gives up', () => {
  const stale: ProbePolicy = {
    ...{ way: 'timed', watches: 'output', kind: 'stale', name: 'stale', severity: 'critical', ownWords: true },
    ...{ endsAs: 'probe', limitMs: 20 * minute, startPeriodMs: minute, lookMs: 5000 },
  };
  /** A run that says something after ten seconds, so that all its probes are well. */
  function speaks(bench: Bench, probes: readonly ProbePolicy[]): void {
    bench.pass(10_000);
    const observation = { kind: 'progress', at: bench.mono as Mono, detail: 'output' } as const;
    for (const { name } of probes)
      bench.take({ type: 'probes-reported', runId: bench.runId, reports: [{ probe: name, observation }] });
  }

  test.each([
    ['without a probe', []],
    ['with --stale-after', [stale]],
  ])('is limited all the same, %s: growing waits, one incident, no recovery but a real one', (_how, probes) => {
    const bench = new Bench({ health: { probes, killWhen: null } }).start();
    const incidents: string[] = [];
    const note = () => incidents.push(...bench.effects.map(({ type }) => type).filter(type => /incident/.test(type)));
    const waits = Array.from({ length: 4 }, (_, run) => {
      bench.effects = [];
      speaks(bench, probes);
      bench.pass(3 * minute - 10_000);
      expect(bench.told('healthy')).toBe(run + 1);
      note();
      bench.dies(0, failed, limit(bench, null));
      note();
      const { waitMs } = bench;
      bench.waitOut();
      return waitMs / minute;
    });
    expect(waits).toEqual([15, 30, 60, 60]);
    expect(incidents).toEqual(['open-incident']);
    speaks(bench, probes);
    bench.pass(4.5 * minute - 10_001);
    expect(bench.ordered('close-incident')).toBe(0);
    expect(bench.pass(1).ordered('close-incident')).toBe(1);
    expect(bench.state.limitsInRow).toBe(0);
  });
});

describe('a refused login', () => {
  test('one is a crash, two begin a wait with one try every 15 minutes', () => {
    const bench = new Bench().start();
    expect(bench.dies(0, failed, refused)).toMatchObject({ phase: 'backoff', waitMs: 1000 });
    bench.waitOut();
    for (let tries = 0; tries < 3; tries++) {
      bench.dies(0, failed, refused);
      expect(bench).toMatchObject({ phase: 'limited', waitMs: 15 * minute });
      expect(bench.ordered('open-incident')).toBe(tries === 0 ? 1 : 0);
      bench.waitOut();
    }
    expect(bench.state.crashes).toHaveLength(1);
  });

  test('another end in between begins the count anew', () => {
    const bench = new Bench().start().dies(0, failed, refused);
    bench.waitOut().dies(0).waitOut().dies(0, failed, refused);
    expect(bench.phase).toBe('backoff');
  });
});

test('--on-cause: hold holds, restart restarts, wait:TIME tries once each TIME', () => {
  const cause = (action: 'hold' | 'restart' | 'wait') => {
    const rule = action === 'wait' ? { kind: action, everyMs: 5 * minute } : { kind: action };
    const bench = new Bench({ onCause: { 'disk-full': rule } }).start();
    return bench.dies(0, failed, { ...none, cause: 'disk-full' });
  };
  expect(cause('hold').state.phase).toMatchObject({
    kind: 'held',
    hold: { why: expect.stringContaining('disk-full') },
  });
  expect(cause('restart').phase).toBe('backoff');
  expect(cause('wait')).toMatchObject({ phase: 'limited', waitMs: 5 * minute });
});

test('an output that tells of a failure makes a crash of exit code 0', () => {
  const bench = new Bench({ restart: 'on-failure' }).start();
  bench.dies(0, { code: 0 }, { ...none, success: false, why: 'x' });
  expect(bench).toMatchObject({ phase: 'backoff', state: { lastExit: { cause: 'crash' } } });
});

describe('a limited wait', () => {
  const waiting = (inMs: number | null = 5 * hour) => {
    const bench = new Bench().start();
    return bench.dies(0, failed, limit(bench, inMs));
  };

  test.each(['restart-requested', 'reset-requested'] as const)('%s ends it', type => {
    expect(waiting().take({ type, by: 'command' }).phase).toBe('running');
  });

  test.each([
    ['a stop by command', null],
    ['a Ctrl-C', 'SIGINT'],
  ] as const)('%s ends it, and the story: the next start is at once, with nothing counted', (_who, signal) => {
    const bench = waiting().take({ type: 'stop-requested', by: 'command', signal, now: false });
    expect(bench.state.phase).toEqual({ kind: 'stopped' });
    const next = new Bench({}, bench.state).start();
    expect(next).toMatchObject({ phase: 'running', state: { limitsInRow: 0, crashes: [], backoffStep: 0 } });
  });

  test('a TERM leaves it to the next watcher', () => {
    const bench = waiting().take({ type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false });
    expect(bench.effects.at(-1)).toEqual({ type: 'exit-watcher', code: 0 });
    const next = new Bench({}, bench.state);
    next.mono = bench.mono;
    expect(next.start().phase).toBe('limited');
    next.pass(5 * hour + minute);
    expect(next.phase).toBe('running');
  });

  test('a suspend of three hours shortens it: the wall clock counts', () => {
    const bench = waiting();
    bench.wall += 3 * hour;
    bench.pass(2 * hour + 2 * minute);
    expect(bench.phase).toBe('running');
  });

  test('a clock set back a day: a named time is waited for by that clock, an unknown one by the time that passes', () => {
    const named = waiting();
    named.wall -= day;
    named.pass(6 * hour);
    expect(named.phase).toBe('limited');
    named.pass(day);
    expect(named.phase).toBe('running');
    const unknown = waiting(null);
    unknown.wall -= day;
    unknown.pass(15 * minute);
    expect(unknown.phase).toBe('running');
  });

  test('a clock set forward a day ends a named wait within minutes, for by that clock it is over', () => {
    const named = waiting();
    named.wall += day;
    named.pass(2 * minute);
    expect(named.phase).toBe('running');
  });

  test('a reboot in the middle keeps it', () => {
    const bench = waiting();
    const saved: Snapshot = {
      version: SNAPSHOT_VERSION,
      name: 'agent',
      bootId: 'boot-1',
      savedAt: { mono: bench.mono as Mono, wall: bench.wall as Wall },
      watcherPid: 1,
      command: ['x'],
      cwd: '/',
      flapWindowMs: 1,
      nextBackoffMs: 1,
      stop: { stopSignal: 'SIGTERM', stopTimeoutMs: 10_000, stopTo: 'main' },
      health: [],
      state: bench.state,
    };
    const read = readSnapshot(JSON.parse(JSON.stringify(encoded(saved)))) as Snapshot;
    const now: Stamp = { mono: 500 as Mono, wall: (bench.wall + hour) as Wall };
    const after = new Bench({}, restore(read, 'boot-2', now));
    after.mono = now.mono;
    after.wall = now.wall;
    after.start({ sameBoot: false });
    after.pass(4 * hour);
    expect(after.phase).toBe('limited');
    after.pass(minute);
    expect(after.phase).toBe('running');
  });

  test('under a schedule the slots inside it are skipped and the next one runs', () => {
    const bench = new Bench({ scheduled: true }).start();
    bench.take({ type: 'run-planned', due: bench.wall as Wall, waitMs: 0 });
    bench.dies(0, failed, limit(bench, hour));
    expect(bench.phase).toBe('limited');
    bench.effects = [];
    bench.pass(hour + minute);
    expect(bench.phase).toBe('waiting');
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ type: 'plan-run', due: null, since: expect.any(Number) }),
    );
    bench.take({ type: 'run-planned', due: bench.wall as Wall, waitMs: 1000, skipped: 3 });
    expect(bench.notes).toContainEqual({ kind: 'slots-skipped', count: 3 });
  });
});

test('a stop by a person ends the story: the first crash afterwards is the first', () => {
  const bench = new Bench().start();
  for (let crash = 0; crash < 4; crash++) bench.dies(10).waitOut();
  bench.take({ type: 'stop-requested', by: 'command', signal: null, now: false }).dies(0, { signal: 'SIGTERM' });
  const next = new Bench({}, bench.state).start().dies(10);
  expect(next).toMatchObject({ phase: 'backoff', waitMs: 1000 });
});
