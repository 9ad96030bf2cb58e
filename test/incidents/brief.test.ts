import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { brief } from '../../src/incidents/brief.ts';
import { briefText } from '../../src/incidents/brief-text.ts';
import type { Incident } from '../../src/incidents/incident.ts';
import { aStatus } from '../support/a-status.ts';
import { anIncident } from './an-incident.ts';

const now = '2026-03-03T08:00:00.000Z';
const hourMs = 3_600_000;
const state = (name: string, phase: Status['phase'], changes: Partial<Status> = {}): Status =>
  aStatus({ name, phase, command: [name], ...changes });
const of = (incidents: readonly Incident[], states: readonly Status[]) =>
  brief({ incidents, states, sinceMs: 24 * hourMs, nowMs: Date.parse(now) });
const at = (time: string, changes: Partial<Incident> = {}) =>
  anIncident({ id: `x-${time}`, at: `2026-03-03T${time}.000Z`, recoveredAt: null, recoveryProof: null, ...changes });

describe('counting', () => {
  test('heals and downtime, overlapping incidents once', () => {
    const found = of(
      [
        at('01:00:00', { recoveredAt: '2026-03-03T01:10:00.000Z' }),
        at('01:05:00', { recoveredAt: '2026-03-03T01:10:00.000Z', repeats: 3 }),
        at('03:00:00', { recoveredAt: '2026-03-03T03:05:00.000Z' }),
      ],
      [state('agent', 'healthy')],
    );
    expect(found.names).toEqual([
      { name: 'agent', phase: 'healthy', well: true, incidents: 6, heals: 3, downMs: 15 * 60_000 },
    ]);
  });

  test('an open one lasts until now where it still is down', () => {
    expect(of([at('07:00:00')], [state('agent', 'backoff')]).names[0]?.downMs).toBe(hourMs);
    const up = state('agent', 'running', { startedAt: '2026-03-03T07:00:05.000Z' });
    expect(of([at('07:00:00')], [up]).names[0]?.downMs).toBe(5000);
  });

  test('what began before the night counts only from its beginning', () => {
    const old = anIncident({ at: '2026-03-02T07:00:00.000Z', recoveredAt: '2026-03-02T09:00:00.000Z' });
    expect(of([old], [state('agent', 'healthy')]).names[0]).toMatchObject({ incidents: 0, downMs: hourMs });
  });

  test('failures by fingerprint, the most frequent first', () => {
    const found = of(
      [at('01:00:00', { fingerprint: 'a'.repeat(16) }), at('02:00:00'), at('03:00:00')],
      [state('agent', 'healthy')],
    );
    expect(found.failures.map(failure => [failure.fingerprint, failure.count])).toEqual([
      ['0123456789abcdef', 2],
      ['a'.repeat(16), 1],
    ]);
  });
});

describe('what needs a person', () => {
  test.each([
    [state('a', 'held', { holdReason: 'daily_loss > 10' }), 'held: daily_loss > 10', 'agent-watch reset a'],
    [state('a', 'lost'), 'unsupervised: the watcher died', 'agent-watch start a'],
  ])('%#', (one, why, next) =>
    expect(of([], [one]).needsPerson).toEqual([{ name: 'a', severity: 'critical', why, next }]),
  );

  test.each([
    ['rate-limited', '2026-03-03T09:00:00.000Z', null],
    ['rate-limited', null, 'limited (usage limit), without a known end'],
    ['auth-failed', null, 'limited (login refused), without a known end'],
    ['budget', '2026-03-03T09:00:00.000Z', 'limited (budget used up)'],
  ])('a limit (%s, until %s) that ends by itself needs nobody', (cause, end, why) => {
    const found = of([], [state('a', 'limited', { limit: { cause, until: end, line: null } })]).needsPerson;
    expect(found).toEqual(why === null ? [] : [{ name: 'a', severity: 'critical', why, next: 'agent-watch status a' }]);
  });

  test('what is critical comes before what is still tried', () => {
    const states = [state('a', 'backoff'), state('b', 'held', { holdReason: 'x' }), state('c', 'unhealthy')];
    expect(of([], states).needsPerson.map(({ name, severity }) => `${name} ${severity}`)).toEqual([
      'b critical',
      'c warning',
      'a warning',
    ]);
  });

  test('what is held comes first, whatever its name', () => {
    const states = [state('a', 'lost'), state('b', 'backoff'), state('trader', 'held', { holdReason: 'loss > 10' })];
    const incidents = [at('07:00:00', { name: 'b', category: 'bad-config' })];
    expect(of(incidents, states).needsPerson.map(({ name }) => name)).toEqual(['trader', 'a', 'b']);
  });

  test('a run that cannot be ended needs a person, though it is only stopping', () => {
    const detail = 'cannot be ended: pid 7 belongs to user 0';
    const row = { name: 'stop', ok: false, severity: 'critical', detail, since: '' } as const;
    expect(of([], [state('a', 'stopping', { health: [row] })]).needsPerson).toEqual([
      { name: 'a', severity: 'critical', why: detail, next: 'agent-watch status a' },
    ]);
  });

  test('a backoff from a missing key is no passing trouble', () => {
    const [need] = of(
      [at('07:59:00', { category: 'bad-config', id: 'agent-7' })],
      [state('agent', 'backoff')],
    ).needsPerson;
    expect(need).toMatchObject({ name: 'agent', severity: 'critical', next: 'agent-watch incidents show agent' });
  });

  test('nobody is asked to act on what is well', () => {
    expect(
      of([at('01:00:00')], [state('agent', 'healthy'), state('b', 'waiting'), state('c', 'stopped')]).needsPerson,
    ).toEqual([]);
  });
});

describe('together', () => {
  const full = { category: 'disk-full' as const, keyLine: 'No space left on device' };

  test('several names within a minute are one event, with what they share', () => {
    const found = of([at('02:00:00', { name: 'a', ...full }), at('02:00:40', { name: 'b', ...full })], []);
    expect(found.shared).toMatchObject([{ names: ['a', 'b'], what: 'the disk' }]);
  });

  test.each<[Partial<Incident>, Partial<Incident>, string | null]>([
    [
      { keyLine: 'getaddrinfo ENOTFOUND db.internal' },
      { keyLine: 'getaddrinfo ENOTFOUND db.internal' },
      'the other end, db.internal',
    ],
    [{ keyLine: 'connect ECONNREFUSED 10.0.0.1:1000' }, { keyLine: 'x', category: 'timeout' }, 'the network'],
    [{ category: 'out-of-memory' }, { category: 'killed-externally' }, 'the memory'],
    [{ category: 'unknown' }, { category: 'bad-config' }, null],
    [
      { category: 'missing-dependency', keyLine: 'run.sh: line 2: ffmpeg: command not found' },
      { category: 'missing-dependency', keyLine: 'sh: 1: ffmpeg: not found' },
      'a missing ffmpeg: the PATH or an installation that changed',
    ],
  ])('%#', (one, other, what) => {
    const found = of([at('02:00:00', { name: 'a', ...one }), at('02:00:10', { name: 'b', ...other })], []);
    expect(found.shared[0]?.what).toBe(what);
  });

  test('one name alone, or an hour between, is no event', () => {
    expect(of([at('02:00:00'), at('02:00:10')], []).shared).toEqual([]);
    expect(of([at('02:00:00', { name: 'a' }), at('03:00:10', { name: 'b' })], []).shared).toEqual([]);
  });
});

const look = {
  cut: (line: string) => line.slice(0, 80),
  time: (iso: string) => iso.slice(0, 16).replace('T', ' '),
  zone: 'UTC',
};

describe('the screen', () => {
  test('fits in 40 lines of the given width, whatever the fleet', () => {
    const names = Array.from({ length: 300 }, (_, index) => `agent-${index}`);
    const incidents = names.map((name, index) =>
      at(`0${index % 8}:00:00`, {
        name,
        fingerprint: index.toString(16).padStart(16, '0'),
        keyLine: `\u001b[31m${'x'.repeat(900)}\nsecond`,
      }),
    );
    const lines = briefText(
      of(
        incidents,
        names.map(name => state(name, 'held')),
      ),
      look,
    ).split('\n');
    expect(lines.length).toBeLessThanOrEqual(40);
    for (const line of lines) if (!line.includes('agent-watch')) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.join('')).not.toContain('\u001b');
  });

  test('says for how long services were down only as far as that is known', () => {
    const head = (incidents: readonly Incident[], phase: Status['phase']) =>
      briefText(of(incidents, [state('agent', 'healthy'), state('b', phase)]), { ...look, cut: line => line }).split(
        '\n',
      )[0];
    const recovered = at('02:00:00', { recoveredAt: '2026-03-03T02:05:00.000Z' });
    expect(head([recovered], 'healthy')).toMatch(/1 recovered, 5m down in total$/);
    expect(head([recovered], 'lost')).toMatch(/1 recovered, at least 5m down in total$/);
    expect(head([at('02:00:00')], 'healthy')).toMatch(/0 recovered$/);
    expect(head([at('02:00:00')], 'lost')).toMatch(/0 recovered, time down unknown$/);
  });

  test('of a quiet night it is a line', () => {
    expect(briefText(of([], [state('agent', 'healthy')]), look)).toBe(
      'Since 2026-03-02 08:00 UTC: 1 service, no incidents\n\nWell: agent',
    );
    expect(briefText(of([], []), look)).toBe('Since 2026-03-02 08:00 UTC: no services');
  });

  test('has what needs attention with its command on a line of its own, what failed, and what is well in one line', () => {
    const incidents = [
      at('01:00:00', { name: 'b', recoveredAt: null }),
      at('02:00:00', { name: 'c', recoveredAt: '2026-03-03T02:05:00.000Z' }),
    ];
    const states = [state('a', 'healthy'), state('b', 'held', { holdReason: 'loss > 10' }), state('c', 'running')];
    const text = briefText(of(incidents, states), { ...look, cut: line => line });
    expect(text).toMatch(
      /^Since .*: 3 services, 2 incidents, 1 recovered, .* down in total\n\nNeeds attention:\n {2}b: held: loss > 10\n {4}agent-watch reset b\n/,
    );
    expect(text).toMatch(/\nWhat failed:\n {2}c: network-unreachable once, last .*, recovered\n {6}Error: connect/);
    expect(text).toMatch(/\n {2}b: network-unreachable once, last [^,]*\n/);
    expect(text).toMatch(/\n\nWell: a, c$/);
  });

  test('calls nothing well that finished with a failure, or runs again without having recovered', () => {
    const exit = (code: number, cause: 'crash' | 'success') => ({ code, signal: null, at: now, cause });
    const states = [
      state('done', 'finished', { lastExit: exit(0, 'success') }),
      state('failed', 'finished', { lastExit: exit(3, 'crash') }),
      state('never', 'finished'),
      state('again', 'running'),
    ];
    const incidents = [at('02:00:00', { name: 'again' }), at('02:00:00', { name: 'failed' })];
    const found = of(incidents, states);
    expect(found.needsPerson).toEqual([
      {
        name: 'failed',
        severity: 'critical',
        why: 'finished with a failure (exit code 3): network-unreachable',
        next: 'agent-watch incidents show failed',
      },
      {
        name: 'never',
        severity: 'critical',
        why: 'finished with a failure (it could not be started)',
        next: 'agent-watch status never',
      },
    ]);
    expect(briefText(found, { ...look, cut: line => line })).toMatch(/\n\nWell: done$/);
  });

  test('says that incidents came together only where they have more in common than the time', () => {
    const pair = (changes: Partial<Incident>, other: Partial<Incident> = changes) =>
      briefText(of([at('02:00:00', { name: 'a', ...changes }), at('02:00:10', { name: 'b', ...other })], []), look);
    expect(pair({ category: 'disk-full' })).toContain('Together:\n  2026-03-03 02:00 a, b: the disk');
    expect(pair({ category: 'unknown' }, { category: 'bad-config' })).not.toContain('Together');
  });
});

describe('trends', () => {
  const growing = (from: number, perSecond: number) =>
    [0, 30, 60].map(seconds => ({
      at: new Date(Date.parse('2026-03-03T01:00:00.000Z') + seconds * 1000).toISOString(),
      bytes: from + perSecond * seconds,
    }));
  const run = (time: string, perSecond: number) => at(time, { memory: growing(1e7, perSecond) });

  test('memory that grows in each of several runs is a leak', () => {
    const rate = 8 * 1024 * 1024;
    expect(
      of(
        ['01:00:00', '02:00:00', '03:00:00'].map(time => run(time, rate)),
        [],
      ).trends,
    ).toEqual([{ name: 'agent', text: 'memory +8M/s in each of 3 runs: a leak' }]);
    expect(of([run('01:00:00', rate), run('02:00:00', rate)], []).trends).toEqual([]);
    expect(
      of([run('01:00:00', rate), run('02:00:00', rate), run('03:00:00', rate), run('04:00:00', 0)], []).trends,
    ).toEqual([]);
  });
});
