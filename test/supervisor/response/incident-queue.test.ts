import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FRESH_STATE } from '../../../src/core/decide.ts';
import type { IncidentSeed } from '../../../src/core/events.ts';
import type { State } from '../../../src/core/model.ts';
import type { Mono, Wall } from '../../../src/core/units.ts';
import type { Incident } from '../../../src/incidents/incident.ts';
import { openStateFolder } from '../../../src/state/state-folder.ts';
import { createObservers } from '../../../src/supervisor/observers/observer.ts';
import { createIncidentQueue } from '../../../src/supervisor/response/incident-queue.ts';
import { DEFAULT_POLICY } from '../../core/bench.ts';
import { scratch } from '../../support/scratch.ts';

const START = Date.parse('2026-03-02T10:00:00.000Z');

function seedAt(ms: number, changes: Partial<IncidentSeed> = {}): IncidentSeed {
  return {
    at: { mono: (1000 + ms) as Mono, wall: (START + ms) as Wall },
    kind: 'crash',
    run: 1,
    exit: { code: 1, signal: null },
    cause: 'crash',
    reasons: [],
    why: null,
    uptimeMs: 12.5,
    memory: [],
    next: { kind: 'restart', number: 1, inMs: 1000 },
    ...changes,
  };
}

function rig(before: State = FRESH_STATE, folder = scratch()) {
  const place = openStateFolder(join(folder, 'state'), 'bot');
  onTestFinished(() => place.close());
  const told = { opened: [] as Incident[], recovered: [] as Wall[], counted: 0, said: [] as string[] };
  const output = { text: 'last words\n' };
  const observers = createObservers(fault => told.said.push(String(fault)));
  observers.add(
    {
      opened() {
        throw new Error('an observer fell over');
      },
    },
    {
      opened: incident => told.opened.push(incident),
      recovered: at => told.recovered.push(at),
      counted: () => told.counted++,
    },
  );
  const incidentQueue = createIncidentQueue({
    place,
    policy: DEFAULT_POLICY,
    command: ['bot', '--api-key', 'sk-live-1234567890abcdef'],
    cwd: folder,
    env: { API_TOKEN: 'tell-nobody-1234' },
    notifications: { alerts: null, diagnosis: null },
    tailLines: 20,
    rules: true,
    before,
    logFile: null,
    members: () => [],
    tail: () => Buffer.from(output.text),
    observers,
    ringBytes: RING_BYTES,
    warn: line => told.said.push(line),
  });
  const path = join(folder, 'state/bot/incidents');
  return { incidentQueue, told, output, path, folder };
}

const KEY = 'q7Rt2VhxK9wBnD3sZp4LmTg8YcJ5aEuF6iOr1XdQ0vKb';
const RING_BYTES = 64 * 1024;
/** A ring that is full: it begins with `first`, in the middle of whatever that is of. */
const full = (first: string, filling: string) =>
  `${first}${filling.repeat(RING_BYTES)}`.slice(0, RING_BYTES - 1).concat('\n');

const reports = (path: string) => (existsSync(path) ? readdirSync(path).filter(file => file.endsWith('.md')) : []);

describe('an incident', () => {
  test('is explained beside the caller, from the output of that moment, and told though an observer falls over', async () => {
    const { incidentQueue, told, output, path } = rig();
    incidentQueue.open(seedAt(0));
    expect(reports(path)).toEqual([]);
    output.text = 'the next run\n';
    await incidentQueue.settle(60_000);
    expect(told.opened).toHaveLength(1);
    expect(told.opened[0]).toMatchObject({ name: 'bot', tail: ['last words'], uptimeMs: 13, repeats: 0 });
    expect(told.said).toEqual(['Error: an observer fell over']);
    expect(reports(path)).toEqual([`${told.opened[0]?.id}.md`]);
  });

  test('above ten a second is counted in the last one that is kept', async () => {
    const { incidentQueue, told, path } = rig();
    for (let index = 0; index < 30; index++) incidentQueue.open(seedAt(index * 10));
    await incidentQueue.settle(60_000);
    incidentQueue.open(seedAt(2000));
    await incidentQueue.settle(60_000);
    expect(told.counted).toBe(20);
    expect(reports(path)).toHaveLength(11);
    const last = JSON.parse(readFileSync(join(path, `${told.opened[9]?.id}.json`), 'utf8')) as Incident;
    expect(last.repeats).toBe(20);
    // Those that were only counted are remembered by the next that is explained.
    expect(told.opened[10]?.priorMatches.count).toBe(30);
  });

  test('has no secret in record and report', async () => {
    const { incidentQueue, told, output, path } = rig();
    output.text = 'token tell-nobody-1234\nError: bad key sk-live-1234567890abcdef\n';
    incidentQueue.open(seedAt(0));
    incidentQueue.attachDiagnosis(`bot-${START.toString(36)}`, {
      source: 'ollama',
      model: null,
      text: 'It printed tell-nobody-1234\u001b[2J.',
      costUsd: null,
      ms: 5,
    });
    await incidentQueue.settle(60_000);
    const { id } = told.opened[0] as Incident;
    for (const ending of ['json', 'md']) {
      const text = readFileSync(join(path, `${id}.${ending}`), 'utf8');
      expect(text).not.toMatch(/tell-nobody|1234567890abcdef|\u001b/);
      expect(text).toContain('It printed [redacted');
    }
  });

  test.each([
    ['a known value', full('nobody-1234 went by\n', 'z\n')],
    ['a key that has lost its beginning', full(`${KEY.slice(9)} was refused\n`, 'z\n')],
    ['a line without an end', full(`${KEY.slice(9)} was refused `, 'z ')],
    ['a value under its name', `Your API key:\n    ${KEY}\n`],
    ['a long key line', `Error: ${'x '.repeat(484)}api_key=${KEY} ended\n`],
    ['a key line that is quoted in part', `Error: ${'x '.repeat(8180)}api_key=${KEY} ended\n`],
    ['a long line of the tail', `${'x '.repeat(989)}tell-nobody-1234 ${'y '.repeat(3000)}\n`],
  ])('shows no part of a secret that a cut has split: %s', async (_what, text) => {
    const { incidentQueue, told, output, path } = rig();
    output.text = text;
    incidentQueue.open(seedAt(0));
    await incidentQueue.settle(60_000);
    const { id } = told.opened[0] as Incident;
    for (const ending of ['json', 'md'])
      expect(readFileSync(join(path, `${id}.${ending}`), 'utf8')).not.toMatch(/tell-|nobody|q7Rt2|xK9wB|Zp4Lm/);
  });

  test('is closed with its proof, and those of an earlier watcher with it', async () => {
    const folder = scratch();
    const first = rig(FRESH_STATE, folder);
    first.incidentQueue.open(seedAt(0));
    await first.incidentQueue.settle(60_000);
    const second = rig(FRESH_STATE, folder);
    second.incidentQueue.open(seedAt(60_000));
    second.incidentQueue.close((START + 200_000) as Wall, 'up for 2m');
    await second.incidentQueue.settle(60_000);
    expect(second.told.recovered).toEqual([START + 200_000]);
    expect(reports(second.path)).toHaveLength(2);
    for (const report of reports(second.path))
      expect(readFileSync(join(second.path, report), 'utf8')).toContain('Confirmed 2026-03-02 10:03:20 UTC');
  });

  test('gets its remedy', async () => {
    const { incidentQueue, told, path } = rig();
    incidentQueue.open(seedAt(0));
    incidentQueue.attachRemedy(`bot-${START.toString(36)}`, { command: 'rm lock', exitCode: 0, ms: 7 });
    await incidentQueue.settle(60_000);
    expect(readFileSync(join(path, `${told.opened[0]?.id}.md`), 'utf8')).toContain(
      'Remedy `rm lock` ended with code 0',
    );
  });
});

describe('the next run', () => {
  test('gets the path of the last incident once', async () => {
    const { incidentQueue, path } = rig();
    expect(incidentQueue.runEnv()).toEqual({});
    incidentQueue.open(seedAt(0));
    await incidentQueue.settle(60_000);
    expect(incidentQueue.runEnv()).toEqual({ AGENT_WATCH_LAST_INCIDENT: join(path, `bot-${START.toString(36)}.md`) });
    expect(incidentQueue.runEnv()).toEqual({});
  });

  test('of another watcher too, if that life ended so', async () => {
    const folder = scratch();
    const first = rig(FRESH_STATE, folder);
    first.incidentQueue.open(seedAt(0));
    await first.incidentQueue.settle(60_000);
    const at = START as Wall;
    const lastExit = { code: 1, signal: null, at, cause: 'crash', uptimeMs: 1 } as const;
    const after: State = { ...FRESH_STATE, incident: { at, open: true, limited: false }, lastExit };
    expect(rig(after, folder).incidentQueue.runEnv()).toHaveProperty('AGENT_WATCH_LAST_INCIDENT');
    const stopped: State = { ...after, lastExit: { ...lastExit, at: (START + 5) as Wall, cause: 'stopped' } };
    expect(rig(stopped, folder).incidentQueue.runEnv()).toEqual({});
  });
});

test('a folder that cannot be written is reported once, and everything else continues', async () => {
  const { incidentQueue, told, path } = rig();
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, 'in the way');
  for (let index = 0; index < 3; index++) incidentQueue.open(seedAt(index * 1000));
  await incidentQueue.settle(60_000);
  expect(told.opened).toHaveLength(3);
  expect(told.said.filter(line => line.includes('cannot be written'))).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe('in the way');
});
