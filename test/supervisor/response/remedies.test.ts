import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import type { Fact, IncidentSeed } from '../../../src/core/events.ts';
import type { Incident } from '../../../src/incidents/incident.ts';
import { createRemedies, remedyFor } from '../../../src/supervisor/response/remedies.ts';
import { until } from '../../support/until.ts';
import { incidentOf, seedOf } from '../incident-fixture.ts';

const stop: Fact = { type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false };

/** Remedies before starts that are only written down. */
function rig(command: string, limitMs = 20_000) {
  const spawned: number[] = [];
  const refused: string[] = [];
  const said: string[] = [];
  const outcomes: NonNullable<Incident['remedy']>[] = [];
  const remedies = createRemedies({
    remedies: [{ when: { kind: 'word', word: 'disk-full' }, command }],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: tmpdir(),
    desk: { attachRemedy: (_, remedy) => outcomes.push(remedy) },
    monoMs: () => performance.now(),
    limitMs,
    warn: line => said.push(line),
  });
  const start = (run: number) =>
    remedies.before(
      () => spawned.push(run),
      why => refused.push(why),
    );
  return { remedies, start, spawned, refused, said, outcomes };
}

describe('a start', () => {
  test('without an incident, after one with no start to come, or a second after one, is at once', async () => {
    const { remedies, start, spawned, outcomes } = rig('true');
    start(1);
    expect(spawned).toEqual([1]);
    remedies.happened?.(seedOf({ next: { kind: 'leave' } }));
    start(2);
    expect(spawned).toEqual([1, 2]);
    const seed = seedOf();
    remedies.happened?.(seed);
    remedies.opened?.(incidentOf(), seed);
    start(3);
    expect(spawned).toEqual([1, 2]);
    await until('it is started', () => spawned.length === 3);
    start(4);
    expect(spawned).toEqual([1, 2, 3, 4]);
    expect(outcomes).toHaveLength(1);
  });

  test.each([
    { kind: 'schedule' },
    { kind: 'limited', limit: { cause: 'rate-limited', until: null, statedUntil: null, key: 'k' }, startAt: 0 },
  ])('after a wait for %j comes after the remedy too', async next => {
    const { remedies, start, spawned, outcomes } = rig('true');
    const seed = seedOf({ next: next as IncidentSeed['next'] });
    remedies.happened?.(seed);
    remedies.opened?.(incidentOf(), seed);
    start(1);
    await until('it is started', () => spawned.length === 1);
    expect(outcomes).toHaveLength(1);
  });

  test('waits for what is found out, and no longer than that', async () => {
    const { remedies, start, spawned, outcomes } = rig('true');
    const seed = seedOf();
    remedies.happened?.(seed);
    start(1);
    remedies.opened?.(incidentOf({ category: 'timeout' }), seed);
    await until('it is started', () => spawned.length === 1);
    const counted = seedOf();
    remedies.happened?.(counted);
    remedies.counted?.(counted);
    start(2);
    await until('it is started', () => spawned.length === 2);
    remedies.happened?.(seedOf());
    start(3);
    await until('nobody explained it, and it is started anyway', () => spawned.length === 3);
    expect(outcomes).toEqual([]);
  });

  test('comes after a remedy that takes too long was ended, whatever it says', async () => {
    const { remedies, start, spawned, outcomes, said } = rig('yes; sleep 600', 300);
    const seed = seedOf();
    remedies.happened?.(seed);
    remedies.opened?.(incidentOf(), seed);
    start(1);
    await until('it is started', () => spawned.length === 1);
    expect(outcomes[0]).toMatchObject({ command: 'yes; sleep 600', exitCode: null });
    expect(outcomes[0]!.ms).toBeGreaterThanOrEqual(290);
    expect(said[0]).toMatch(/^the remedy for bot-1 \(disk-full\) took too long and was ended after/);
  });

  test('that waits is refused at a stop, with and without a remedy that runs', async () => {
    for (const explained of [true, false]) {
      const { remedies, start, spawned, refused } = rig('sleep 600');
      const seed = seedOf();
      remedies.happened?.(seed);
      if (explained) remedies.opened?.(incidentOf(), seed);
      start(1);
      remedies.fact?.(stop);
      await until('it is refused', () => refused.length === 1);
      expect(refused).toEqual(['a stop was requested before it started']);
      expect(spawned).toEqual([]);
    }
  });
});

test.each([
  ['disk-full', { category: 'disk-full', probes: [], keyLine: '' }, './clean'],
  ['http', { category: 'unknown', probes: ['http:http://x/'], keyLine: '' }, './kick'],
  ['a pattern on the key line', { category: 'unknown', probes: [], keyLine: 'No space left' }, './line'],
  ['nothing', { category: 'unknown', probes: [], keyLine: 'fine' }, null],
])('the remedy for %s', (_name, found, command) => {
  const remedies = [
    { when: { kind: 'word', word: 'disk-full' }, command: './clean' },
    { when: { kind: 'word', word: 'http' }, command: './kick' },
    { when: { kind: 'key-line', pattern: /no space/i }, command: './line' },
  ] as const;
  expect(remedyFor(remedies, found)?.command ?? null).toBe(command);
});
