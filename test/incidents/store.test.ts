import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decide, FRESH_STATE } from '../../src/core/decide.ts';
import type { Event } from '../../src/core/events.ts';
import type { RunId, State } from '../../src/core/model.ts';
import { incidentId } from '../../src/core/snapshot.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import { EVICTED_FILE, type Incident } from '../../src/incidents/incident.ts';
import { openStore, readAll, readOne, STORE_LIMITS, type StoreLimits } from '../../src/incidents/store.ts';
import { replaceFile, writeDurably } from '../../src/state/atomic-file.ts';
import { DEFAULT_POLICY } from '../core/bench.ts';
import { cpuMsFor } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { anIncident } from './an-incident.ts';

const START = Date.parse('2026-03-02T10:00:00.000Z');

function numbered(index: number, changes: Partial<Incident> = {}): Incident {
  const at = START + index * 1000;
  return anIncident({ id: incidentId('agent', at as Wall), at: new Date(at).toISOString(), ...changes });
}

async function store(folder: string, limits?: StoreLimits, replaceDurably = writeDurably) {
  const said: string[] = [];
  const path = `${folder}/incidents`;
  const opened = await openStore(
    {
      folder: () => path,
      ensure: () => null,
      replace: replaceFile,
      replaceDurably,
      warn: line => said.push(line),
    },
    limits,
  );
  return { ...opened, said, path };
}

describe('the store', () => {
  test('keeps record and report, 0600 in a folder 0700, and nothing else', async () => {
    const folder = scratch();
    const { put, path } = await store(folder);
    const incident = numbered(1);
    await put(incident, '# report\n');
    expect(readdirSync(path).sort()).toEqual([`${incident.id}.json`, `${incident.id}.md`]);
    for (const name of readdirSync(path)) expect(statSync(`${path}/${name}`).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readOne(path, incident.id)).toEqual({ incident });
    expect(readFileSync(`${path}/${incident.id}.md`, 'utf8')).toBe('# report\n');
  });

  test('lets the oldest go, by number, and remembers how many and of what kind', async () => {
    const folder = scratch();
    const { put, path, dropped } = await store(folder, { incidents: 3, bytes: 1e6 });
    for (let index = 0; index < 10; index++) await put(numbered(index, { repeats: index === 0 ? 4 : 0 }), 'report');
    expect(readAll(path).incidents.map(({ id }) => id)).toEqual([7, 8, 9].map(index => numbered(index).id));
    expect(readdirSync(path)).toHaveLength(3 * 2 + 1);
    expect(dropped.count).toBe(7);
    const again = await store(folder);
    expect(again.dropped.count).toBe(7);
    expect(again.dropped.failures[numbered(0).fingerprint]?.[0]?.[1]).toBe(11);
  });

  test('lets the oldest go by size, but never the last', async () => {
    const folder = scratch();
    const { put, path } = await store(folder, { incidents: 100, bytes: 40_000 });
    const large = (index: number) => numbered(index, { tail: ['x'.repeat(15_000)] });
    for (let index = 0; index < 5; index++) await put(large(index), 'report');
    expect(readAll(path).incidents).toHaveLength(2);
    await put(numbered(9, { tail: ['x'.repeat(60_000)] }), 'report');
    expect(readAll(path).incidents).toHaveLength(1);
  });

  test.each([
    ['empty', ''],
    ['no JSON', '{"id":'],
    ['NULs', '\0\0\0\0'],
  ])('puts a broken file aside and reports it: %s', async (_, text) => {
    const folder = scratch();
    const first = await store(folder);
    await first.put(numbered(1), 'report');
    await first.put(numbered(2), 'report');
    writeFileSync(`${first.path}/${numbered(1).id}.json`, text);
    expect(readAll(first.path).said).toHaveLength(1);
    const second = await store(folder);
    expect(second.said).toHaveLength(1);
    expect(second.said[0]).toMatch(/could not be read .*; kept as .*\.corrupt/);
    expect(second.kept.map(({ id }) => id)).toEqual([numbered(2).id]);
  });

  test('leaves what a later version wrote as it is, and reports it in one line', async () => {
    const folder = scratch();
    const first = await store(folder);
    for (const index of [1, 2]) await first.put(numbered(index), 'report');
    const path = `${first.path}/${numbered(1).id}.json`;
    const later = readFileSync(path, 'utf8').replace(/"kind":"\w+"/, '"kind":"from-the-future"');
    writeFileSync(path, later);
    const second = await store(folder);
    expect(second.said).toEqual([expect.stringMatching(/^incidents of another version are left as they are: /)]);
    expect(second.kept.map(({ id }) => id)).toEqual([numbered(2).id]);
    expect(readFileSync(path, 'utf8')).toBe(later);
  });

  test('continues where nothing can be written, and reports it once', async () => {
    const folder = scratch();
    const full = async () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    const { put, said, kept } = await store(folder, STORE_LIMITS, full);
    for (let index = 0; index < 3; index++) await put(numbered(index), 'report');
    expect(said).toEqual(['incidents cannot be written: ENOSPC: no space left on device']);
    expect(kept).toHaveLength(3);
  });

  test('writes through no link', async () => {
    const folder = scratch();
    mkdirSync(`${folder}/elsewhere`);
    symlinkSync(`${folder}/elsewhere`, `${folder}/incidents`);
    const { put, said } = await store(folder);
    await put(numbered(1), 'report');
    expect(said).toHaveLength(1);
    expect(readdirSync(`${folder}/elsewhere`)).toEqual([]);
  });

  test('makes its folder again when it was removed', async () => {
    const folder = scratch();
    const { put, path } = await store(folder);
    await put(numbered(1), 'report');
    rmSync(path, { recursive: true });
    await put(numbered(2), 'report');
    expect(readAll(path).incidents).toHaveLength(1);
  });

  test('of 10,000 incidents stays below its bounds, and the list of what is left is read in a moment', async () => {
    const folder = scratch();
    // Without fsync: a thousand of them are the disk's business, not ours.
    const { put, path, dropped, kept } = await store(folder, STORE_LIMITS, async (file, text) =>
      replaceFile(file, text),
    );
    const tail = Array.from({ length: 20 }, (_, line) => `line ${line} ${'x'.repeat(80)}`);
    for (let index = 0; index < 10_000; index++) await put(numbered(index, { tail }), `# report ${index}\n`);
    const bytes = readdirSync(path).reduce((sum, name) => sum + statSync(`${path}/${name}`).size, 0);
    expect(bytes).toBeLessThan(STORE_LIMITS.bytes);
    expect(readdirSync(path).length).toBeLessThanOrEqual(2 * STORE_LIMITS.incidents + 1);
    expect(kept.length).toBeGreaterThan(STORE_LIMITS.incidents * 0.9);
    expect(dropped.count).toBe(10_000 - kept.length);
    expect(statSync(`${path}/${EVICTED_FILE}`).size).toBeLessThan(10_000);
    readAll(path);
    expect(cpuMsFor(() => expect(readAll(path).incidents).toHaveLength(kept.length))).toBeLessThan(200);
  });
});

test('the state after 10,000 crashes is under 256 KB', () => {
  const policy = { ...DEFAULT_POLICY, backoffMs: 1, backoffMaxMs: 1, flapThreshold: 0 };
  let state: State = FRESH_STATE;
  let now = 1000;
  let opened = 0;
  const take = (fact: object) => {
    now += 3_000;
    const at = { mono: now as Mono, wall: (START + now) as Wall };
    const decision = decide(policy, state, { ...fact, at, roll: 0, freshRunId: `${now}` as RunId } as Event);
    state = decision.state;
    opened += decision.effects.filter(effect => effect.type === 'open-incident').length;
  };
  take({ type: 'watcher-started', hold: null, newCommand: false, sameBoot: true, leftover: null });
  for (let index = 0; index < 10_000; index++) {
    const { phase } = state;
    if (phase.kind !== 'starting') throw new Error(phase.kind);
    const { runId } = phase;
    take({ type: 'child-spawned', runId, pid: 100, startTicks: 5 });
    take({ type: 'child-exited', runId, exit: { code: 1, signal: null } });
    take({ type: 'run-cleared', runId, ended: 0 });
    if (state.phase.kind === 'backoff' && state.phase.timer !== null)
      take({ type: 'timer-fired', timer: state.phase.timer });
  }
  expect(opened).toBe(10_000);
  expect(JSON.stringify(state).length).toBeLessThan(256 * 1024);
});
