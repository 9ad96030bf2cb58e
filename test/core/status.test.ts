import { describe, expect, test } from 'vitest';
import { FRESH_STATE } from '../../src/core/decide.ts';
import type { Phase, State } from '../../src/core/model.ts';
import { SNAPSHOT_VERSION, type Snapshot } from '../../src/core/snapshot.ts';
import { type Reading, toStatus } from '../../src/core/status.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import { CONTEXTS, PHASES, type PhaseKind } from './canonical.ts';

// The canonical phases began at 990 s; it is 20 s later.
const wall = 1_700_000_010_000;
const reading: Reading = {
  now: { mono: 1_010_000 as Mono, wall: wall as Wall },
  alive: true,
  sameBoot: true,
  holdReason: null,
  iso: time => new Date(time).toISOString(),
};
const iso = (time: number) => new Date(time).toISOString();

function snapshotOf(state: State): Snapshot {
  return {
    version: SNAPSHOT_VERSION,
    name: 'agent',
    bootId: 'boot-1',
    savedAt: { mono: 1_000_000 as Mono, wall: 1_700_000_000_000 as Wall },
    watcherPid: 42,
    command: ['sleep', '1'],
    cwd: '/',
    flapWindowMs: 300_000,
    nextBackoffMs: 4000,
    stop: { stopSignal: 'SIGTERM', stopTimeoutMs: 10_000, stopTo: 'main' },
    health: [],
    state,
  };
}

const statusOf = (kind: PhaseKind, given: Partial<Reading> = {}, beside: Partial<State> = {}) =>
  toStatus(snapshotOf({ ...CONTEXTS.plain(kind), ...beside }), { ...reading, ...given });

/** Shown while the watcher is alive, after it died, and with a hold file while it is alive. */
const shown: readonly [PhaseKind, string, string, string][] = [
  ['starting', 'starting', 'lost', 'starting'],
  ['running', 'running', 'lost', 'running'],
  ['stopping', 'stopping', 'lost', 'stopping'],
  ['backoff', 'backoff', 'lost', 'held'],
  ['cooldown', 'cooldown', 'lost', 'held'],
  ['limited', 'limited', 'lost', 'held'],
  ['waiting', 'waiting', 'lost', 'held'],
  ['held', 'held', 'held', 'held'],
  ['finished', 'finished', 'finished', 'held'],
  ['stopped', 'stopped', 'stopped', 'held'],
];

describe.each(shown)('%s', (kind, alive, dead, withFile) => {
  test(`is shown as ${alive}, without its watcher as ${dead}, with a hold file as ${withFile}`, () => {
    expect(statusOf(kind).phase).toBe(alive);
    expect(statusOf(kind, { alive: false }).phase).toBe(dead);
    expect(statusOf(kind, { holdReason: 'x' }).phase).toBe(withFile);
    expect(statusOf(kind, { holdReason: 'x', alive: false })).toMatchObject({ phase: 'held', holdReason: 'x' });
  });

  test('names our child and watcher only while they are there', () => {
    const up = kind === 'running' || kind === 'stopping';
    expect(statusOf(kind)).toMatchObject({
      watcherPid: 42,
      childPid: up ? 100 : null,
      startedAt: up ? iso(1_699_999_990_000) : null,
      uptimeMs: up ? 20_000 : null,
    });
    // A child that its dead watcher left may still be there: its pid helps whoever looks.
    expect(statusOf(kind, { alive: false })).toMatchObject({
      watcherPid: null,
      childPid: up ? 100 : null,
      uptimeMs: null,
    });
    expect(statusOf(kind, { alive: false, sameBoot: false }).childPid).toBeNull();
  });

  test('says when the next start is only while it waits for one', () => {
    const waits = kind === 'backoff' || kind === 'cooldown';
    const { waitMs } = waits ? PHASES[kind] : { waitMs: 0 };
    const due = { waiting: PHASES.waiting.due, limited: PHASES.limited.startAt }[kind as 'waiting'] ?? null;
    const planned = due === null ? null : iso(due);
    expect(statusOf(kind).nextStartAt).toBe(waits ? iso(wall + waitMs - 20_000) : planned);
    expect(statusOf(kind).backoffMs).toBe(waits ? waitMs : 4000);
    expect(statusOf(kind, { alive: false }).nextStartAt).toBeNull();
    expect(statusOf(kind, { holdReason: 'x' }).nextStartAt).toBeNull();
  });
});

test('a limit is shown with its cause, its end and the line that states it', () => {
  expect(statusOf('limited').limit).toEqual({ cause: 'rate-limited', until: iso(1_700_000_000_000), line: 'x' });
  expect(statusOf('backoff').limit).toBeNull();
});

test('a watcher that was ended in a limited wait is stopped, not lost', () => {
  const { leaving } = CONTEXTS.leaving('limited');
  expect(statusOf('limited', { alive: false }, { leaving }).phase).toBe('stopped');
});

test('healthy differs from running', () => {
  const live = { ...PHASES.running.live, healthy: true };
  expect(statusOf('running', {}, { phase: { kind: 'running', live } as Phase }).phase).toBe('healthy');
});

test('a wall clock that jumped moves no start', () => {
  const now = { mono: reading.now.mono, wall: (wall + 86_400_000) as Wall };
  expect(statusOf('backoff', { now }).nextStartAt).toBe(iso(now.wall + 40_000));
});

test('fractions of the clock are no fractions of a duration, and a clock that lags gives none below zero', () => {
  expect(statusOf('running', { now: { mono: 1_010_000.25 as Mono, wall: wall as Wall } }).uptimeMs).toBe(20_000);
  expect(statusOf('running', { now: { mono: 1 as Mono, wall: wall as Wall } }).uptimeMs).toBe(0);
});

test('crashes are those in the window by now, also after a reboot', () => {
  const crashes = [700_000, 720_000, 999_000] as Mono[];
  expect(statusOf('backoff', {}, { crashes }).crashesInWindow).toBe(2);
  const now = { mono: 5 as Mono, wall: wall as Wall };
  expect(statusOf('backoff', { sameBoot: false, alive: false, now }, { crashes }).crashesInWindow).toBe(2);
});

test('restarts are the starts after the first where the state does not count them', () => {
  expect(toStatus(snapshotOf(FRESH_STATE), reading).restarts).toBe(0);
  expect(statusOf('running').restarts).toBe(2);
});

test('no field is missing in any phase', () => {
  const fields = Object.keys(statusOf('running')).sort();
  expect(fields).toHaveLength(20);
  for (const kind of Object.keys(PHASES) as PhaseKind[])
    for (const alive of [true, false]) {
      const status = statusOf(kind, { alive });
      expect(Object.keys(status).sort()).toEqual(fields);
      expect(Object.values(status)).not.toContain(undefined);
    }
});

test('the last exit, the hold, and a stalled reader are told', () => {
  const lastExit = { code: null, signal: 'SIGKILL', at: wall as Wall, cause: 'crash', uptimeMs: 7 } as const;
  const outputBlockedSince = { mono: 5 as Mono, wall: wall as Wall };
  expect(statusOf('held', {}, { lastExit, outputBlockedSince, logDroppedBytes: 9 })).toMatchObject({
    lastExit: { code: null, signal: 'SIGKILL', at: iso(wall), cause: 'crash' },
    outputBlockedSince: iso(wall),
    logDroppedBytes: 9,
    holdReason: 'x',
  });
  expect(statusOf('running', { alive: false }, { outputBlockedSince }).outputBlockedSince).toBeNull();
});
