import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, FRESH_STATE } from '../../src/core/decide.ts';
import type { State } from '../../src/core/model.ts';
import { encoded, readSnapshot, restore, SNAPSHOT_VERSION, type Snapshot } from '../../src/core/snapshot.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { Bench } from './bench.ts';
import { CONTEXTS, PHASES, type PhaseKind } from './canonical.ts';
import { walks } from './walks.ts';

const savedAt: Stamp = { mono: 1_000_000 as Mono, wall: 1_700_000_000_000 as Wall };

function snapshotOf(state: State): Snapshot {
  return {
    version: SNAPSHOT_VERSION,
    name: 'agent',
    bootId: 'boot-1',
    savedAt,
    watcherPid: 1,
    command: ['sleep', '1'],
    cwd: '/',
    flapWindowMs: 300_000,
    nextBackoffMs: 1000,
    stop: { stopSignal: 'SIGTERM', stopTimeoutMs: 10_000, stopTo: 'main' },
    health: [],
    state,
  };
}

/** As a file would give it back. */
const reread = (snapshot: unknown) => readSnapshot(JSON.parse(JSON.stringify(snapshot)));

const LATER_FIELDS: ReadonlySet<unknown> = new Set([
  'stepBefore',
  'resumeNext',
  'resumedInRow',
  'limitsInRow',
  'refusalsInRow',
  'stop',
  'stuck',
  'restAskedAt',
]);

describe('a snapshot', () => {
  test('of any state that can be reached survives its file', () => {
    fc.assert(
      fc.property(walks, ({ policy, state, event }) => {
        const snapshot = snapshotOf(decide(policy, state, event).state);
        expect(reread(encoded(snapshot))).toEqual(snapshot);
      }),
      { numRuns: 2000 },
    );
  });

  const kinds = Object.keys(PHASES) as PhaseKind[];
  const full: State = {
    ...CONTEXTS.leaving('held'),
    lastExit: { code: 1, signal: null, at: 5 as Wall, cause: 'crash', uptimeMs: 7 },
    crashes: [1 as Mono],
    slowDeaths: [2 as Mono],
    outputBlockedSince: { ...savedAt },
  };
  const states: [string, State][] = [
    ...kinds.map(kind => [kind, CONTEXTS.plain(kind)] as [string, State]),
    ['full', full],
  ];

  test.each(states)('%s: a field that is missing, or of another type, is a fault that names it', (_name, state) => {
    const snapshot = snapshotOf(state);
    let faults = 0;
    for (const path of pathsOf(snapshot)) {
      for (const bad of [undefined, {}, 'text', 12, Number.NaN, true, [[]]]) {
        if (sameType(at(snapshot, path), bad)) continue;
        if (nullable(path, bad)) continue;
        // An earlier version did not write it.
        if (bad === undefined && LATER_FIELDS.has(path.at(-1))) continue;
        const fault = reread(changed(snapshot, path, bad));
        expect(fault, `${path.join('.')} = ${JSON.stringify(bad)}`).toBeTypeOf('string');
        expect(fault).toContain(String(path.find(key => typeof key === 'string') ?? ''));
        faults++;
      }
    }
    expect(faults).toBeGreaterThan(100);
  });

  test('of an older watcher is read: what it did not know has not happened', () => {
    const { stop, state, ...rest } = snapshotOf(CONTEXTS.plain('stopping'));
    const { stuck, phase, ...known } = state;
    const { signal, restAskedAt, ...older } = phase as Extract<State['phase'], { kind: 'stopping' }>;
    const read = reread({ ...rest, state: { ...known, phase: { ...older, killed: true } } });
    expect(read).toMatchObject({ stop, state: { stuck: null, phase: { signal: 'SIGTERM', killed: 'tree' } } });
  });

  test.each([null, [], 'text', 1, {}, { version: 2 }, { ...snapshotOf(FRESH_STATE), version: 2 }])(
    '%j is none',
    value => {
      expect(reread(value)).toBeTypeOf('string');
    },
  );

  test('names of words that objects have by birth are no kinds and no causes', () => {
    for (const kind of ['toString', '__proto__', 'constructor'])
      expect(reread(snapshotOf({ ...FRESH_STATE, phase: { kind } as never }))).toBeTypeOf('string');
  });

  test('what a later version adds beside is no fault', () => {
    expect(reread({ ...snapshotOf(FRESH_STATE), more: 1 })).toBeTypeOf('object');
  });
});

describe('an earlier version', () => {
  const limited = (): State => ({
    ...CONTEXTS.plain('limited'),
    lastExit: { code: 1, signal: null, at: 5 as Wall, cause: 'limited', uptimeMs: 7 },
    incident: { at: 5 as Wall, open: true, limited: true },
  });

  test('reads a limited wait as a backoff of the same length, and its end as a crash', () => {
    const written = JSON.parse(JSON.stringify(encoded(snapshotOf(limited()))));
    const { startAt, since } = PHASES.limited;
    expect(written.state.phase).toMatchObject({ kind: 'backoff', waitMs: startAt - since.wall, since });
    expect(written.state.lastExit.cause).toBe('crash');
  });

  test('wrote no count of limits, which is then none', () => {
    const { limitsInRow: _limits, refusalsInRow: _refusals, ...before } = limited();
    const incident = { at: 5, open: true };
    expect(reread({ ...snapshotOf(FRESH_STATE), state: { ...before, incident } })).toMatchObject({
      state: { limitsInRow: 0, refusalsInRow: 0, incident: { limited: false } },
    });
  });
});

describe('restore', () => {
  const waiting = () => new Bench().start().dies(10).waitOut().dies(10).waitOut().dies(10);

  test('in the same boot: the state as it was', () => {
    const { state } = waiting();
    expect(restore(snapshotOf(state), 'boot-1', { mono: 5 as Mono, wall: 6 as Wall })).toBe(state);
  });

  const day = 86_400_000;
  test.each([
    ['by the seconds that it took', 1500, 2500],
    ['set back a day: waited out whole', -day, 4000],
    ['set forward a day: over', day, 0],
    ['by nothing', 0, 4000],
  ])('in another boot, the wall clock %s', (_how, passedMs, leftMs) => {
    const before = waiting();
    const saved = { ...snapshotOf(before.state), savedAt: { mono: before.mono as Mono, wall: before.wall as Wall } };
    const now: Stamp = { mono: 12_345 as Mono, wall: (before.wall + passedMs) as Wall };
    const after = new Bench({}, restore(saved, 'boot-2', now));
    after.mono = now.mono;
    after.wall = now.wall;
    after.start({ sameBoot: false });
    if (leftMs > 0) {
      after.pass(leftMs - 1);
      expect(after.phase).toBe('backoff');
      after.pass(1);
    }
    expect(after.phase).toBe('running');
  });

  test('the flap window continues over a reboot', () => {
    const before = new Bench();
    before.start();
    for (let crash = 0; crash < 4; crash++) before.dies(10).waitOut();
    const saved = { ...snapshotOf(before.state), savedAt: { mono: before.mono as Mono, wall: before.wall as Wall } };
    const rebooted = (passedMs: number) => {
      const now: Stamp = { mono: 500 as Mono, wall: (before.wall + passedMs) as Wall };
      const after = new Bench({}, restore(saved, 'boot-2', now));
      after.mono = now.mono;
      return after.start({ sameBoot: false }).dies(10).phase;
    };
    expect(rebooted(60_000)).toBe('cooldown');
    expect(rebooted(400_000)).toBe('backoff');
  });

  test('of every reachable state is one again, with wall times as they were', () => {
    fc.assert(
      fc.property(walks, fc.integer({ min: -1e9, max: 1e9 }), ({ state }, wallShift) => {
        const now: Stamp = { mono: 77 as Mono, wall: (savedAt.wall + wallShift) as Wall };
        const restored = restore(snapshotOf(state), 'boot-2', now);
        expect(readSnapshot(snapshotOf(restored))).toBeTypeOf('object');
        expect(restored.lastExit).toEqual(state.lastExit);
        expect(restored.run).toBe(state.run);
        const shift = 77 - Math.max(0, wallShift) - savedAt.mono;
        expect(restored.crashes).toEqual(state.crashes.map(time => time + shift));
        expect(restored.slowDeaths).toEqual(state.slowDeaths.map(time => time + shift));
      }),
      { numRuns: 500 },
    );
  });
});

type Path = (string | number)[];

/** Every field of plain data, leaves and branches. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const own: Path[] = path.length === 0 ? [] : [path];
  if (Array.isArray(value)) return [...own, ...value.flatMap((item, index) => pathsOf(item, [...path, index]))];
  if (typeof value !== 'object' || value === null) return own;
  return [...own, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown>)[key], value);
}

function changed<T>(value: T, path: Path, to: unknown): T {
  const copy = structuredClone(value) as Record<string | number, unknown>;
  const parent = at(copy, path.slice(0, -1)) as Record<string | number, unknown>;
  parent[path.at(-1) as string] = to;
  return copy as T;
}

function sameType(was: unknown, bad: unknown): boolean {
  if (Array.isArray(was)) return false;
  return typeof was === typeof bad && !Number.isNaN(bad as number) && !Array.isArray(bad) && typeof was !== 'object';
}

// NaN is null in a file, and null is what a nullable field may be; what a null field could be otherwise is told by its type alone.
function nullable(path: Path, bad: unknown): boolean {
  const name = String(path.at(-1));
  if (Number.isNaN(bad as number)) return NULLABLE.has(name);
  return NULLABLE.has(name) && (typeof bad === 'number' || typeof bad === 'string');
}
const NULLABLE = new Set([
  'until',
  'line',
  'stuck',
  'restAskedAt',
  'killed',
  'code',
  'signal',
  'timer',
  'healthyTimer',
  'runtimeTimer',
  'tickTimer',
  'nextTickAt',
  'askedAt',
  'value',
  'ok',
  'seen',
  'mtime',
  'killWhen',
  'incident',
  'lastDue',
  'due',
  'startTicks',
  'pid',
  'lastExit',
  'clearing',
  'leaving',
  'outputBlockedSince',
  'saveTimer',
]);
