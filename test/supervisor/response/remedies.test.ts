import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../../src/core/events.ts';
import type { RunId } from '../../../src/core/model.ts';
import type { Incident } from '../../../src/incidents/incident.ts';
import { createRemedies } from '../../../src/supervisor/response/remedies.ts';
import { until } from '../../support/until.ts';
import { incidentOf, seedOf } from '../incident-fixture.ts';

const one = 'run-1' as RunId;
const stop: Fact = { type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false };

/** Remedies around a child that only writes down its starts. */
function rig(command: string, limitMs = 20_000) {
  const spawned: number[] = [];
  const facts: Fact[] = [];
  const said: string[] = [];
  const outcomes: NonNullable<Incident['remedy']>[] = [];
  const remedies = createRemedies({
    remedies: [{ when: { kind: 'word', word: 'disk-full' }, command }],
    child: { spawn: run => void spawned.push(run), signalTree() {}, signalChild() {}, clear() {} },
    report: fact => facts.push(fact),
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: tmpdir(),
    desk: () => ({ attachRemedy: (_, remedy) => outcomes.push(remedy) }),
    monoMs: () => performance.now(),
    limitMs,
    warn: line => said.push(line),
  });
  return { remedies, spawned, facts, said, outcomes };
}

describe('a start', () => {
  test('without an incident, after one with no start to come, or a second after one, is at once', async () => {
    const { remedies, spawned, outcomes } = rig('true');
    remedies.child.spawn(1, one);
    expect(spawned).toEqual([1]);
    remedies.happened(seedOf({ next: { kind: 'leave' } }));
    remedies.child.spawn(2, one);
    expect(spawned).toEqual([1, 2]);
    const seed = seedOf();
    remedies.happened(seed);
    remedies.opened(incidentOf(), seed);
    remedies.child.spawn(3, one);
    expect(spawned).toEqual([1, 2]);
    await until('it is started', () => spawned.length === 3);
    remedies.child.spawn(4, one);
    expect(spawned).toEqual([1, 2, 3, 4]);
    expect(outcomes).toHaveLength(1);
  });

  test('waits for what is found out, and no longer than that', async () => {
    const { remedies, spawned, outcomes } = rig('true');
    const seed = seedOf();
    remedies.happened(seed);
    remedies.child.spawn(1, one);
    remedies.opened(incidentOf({ category: 'timeout' }), seed);
    await until('it is started', () => spawned.length === 1, 1000);
    const counted = seedOf();
    remedies.happened(counted);
    remedies.counted?.(counted);
    remedies.child.spawn(2, one);
    await until('it is started', () => spawned.length === 2, 1000);
    remedies.happened(seedOf());
    remedies.child.spawn(3, one);
    await until('nobody explained it, and it is started anyway', () => spawned.length === 3, 5000);
    expect(outcomes).toEqual([]);
  });

  test('comes after a remedy that takes too long was ended, whatever it says', async () => {
    const { remedies, spawned, outcomes, said } = rig('yes; sleep 600', 300);
    const seed = seedOf();
    remedies.happened(seed);
    remedies.opened(incidentOf(), seed);
    remedies.child.spawn(1, one);
    await until('it is started', () => spawned.length === 1, 5000);
    expect(outcomes[0]).toMatchObject({ command: 'yes; sleep 600', exitCode: null });
    expect(outcomes[0]!.ms).toBeGreaterThanOrEqual(290);
    expect(said[0]).toMatch(/^the remedy for bot-1 \(disk-full\) took too long and was ended after/);
  });

  test('that waits is refused at a stop, with and without a remedy that runs', async () => {
    for (const explained of [true, false]) {
      const { remedies, spawned, facts } = rig('sleep 600');
      const seed = seedOf();
      remedies.happened(seed);
      if (explained) remedies.opened(incidentOf(), seed);
      remedies.child.spawn(1, one);
      remedies.see(stop);
      await until('it is refused', () => facts.length === 1, 2000);
      expect(facts[0]).toMatchObject({ type: 'spawn-failed', runId: one });
      expect(spawned).toEqual([]);
    }
  });
});
