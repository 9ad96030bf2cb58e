import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AlertKind } from '../../../src/alerts/alert.ts';
import { FRESH_STATE } from '../../../src/core/decide.ts';
import type { IncidentSeed } from '../../../src/core/events.ts';
import type { Hold, State } from '../../../src/core/model.ts';
import type { Mono, Wall } from '../../../src/core/units.ts';
import { kindsOf } from '../../../src/supervisor/response/alert-events.ts';
import { createAlerting } from '../../../src/supervisor/response/alerting.ts';
import { DEFAULT_POLICY } from '../../core/bench.ts';
import { scratch } from '../../support/scratch.ts';
import { incidentOf, seedOf } from '../incident-fixture.ts';

const hold: Hold = { cause: 'hold-code', why: 'it exited with code 78', at: 1_700_000_000_000 as Wall };
const cooldown: IncidentSeed['next'] = { kind: 'cooldown', crashes: 5, windowMs: 300_000, inMs: 600_000 };
const all: AlertKind[] = ['flap', 'slow-loop', 'hold', 'unhealthy', 'recovered', 'crash', 'start', 'stop'];

/** Alerts into a file; `now` in ms. */
function rig(on: AlertKind[] = all) {
  const path = join(scratch(), 'alerts');
  const clock = { now: 0 };
  const state: State = { ...FRESH_STATE, run: 3 };
  let ids = 0;
  const after = (delayMs: number, act: () => void) => {
    const timer = setTimeout(act, delayMs);
    return () => clearTimeout(timer);
  };
  const alerting = createAlerting(
    {
      targets: [{ key: 'file:0', shown: path, kind: 'file', path }],
      on: new Set(on),
      cooldownMs: 900_000,
      heartbeat: null,
      env: {},
      cwd: '/',
    },
    {
      name: 'bot',
      host: 'box',
      policy: DEFAULT_POLICY,
      state: () => state,
      now: () => ({ mono: clock.now as Mono, wall: (1_700_000_000_000 + clock.now) as Wall }),
      ports: {
        monoMs: () => clock.now,
        wallMs: () => 1_700_000_000_000 + clock.now,
        after,
        freshId: () => `id${++ids}`,
        clean: text => text,
        store: { read: () => null, write() {} },
        say() {},
      },
    },
  );
  const told = async () => {
    await alerting.close();
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter(line => /^\d{4}/.test(line))
      .map(line => line.replace(/^\S+ bot /, ''));
  };
  return { alerting, clock, told, path };
}

describe('what an incident is', () => {
  const table: [string, IncidentSeed, boolean, AlertKind[]][] = [
    ['a crash', seedOf(), false, ['crash']],
    ['a crash that makes it flap', seedOf({ next: cooldown }), false, ['flap', 'crash']],
    ['a success that makes it flap', seedOf({ kind: 'exit', next: cooldown }), false, ['flap']],
    ['a slow loop', seedOf(), true, ['slow-loop', 'crash']],
    ['a stall', seedOf({ kind: 'stalled' }), false, ['unhealthy', 'crash']],
    ['a limit', seedOf({ kind: 'limit' }), false, ['unhealthy', 'crash']],
    [
      'a kill condition',
      seedOf({ kind: 'limit', next: { kind: 'hold', hold } }),
      false,
      ['hold', 'unhealthy', 'crash'],
    ],
    ['a failed start', seedOf({ kind: 'start-failed' }), false, ['crash']],
  ];
  test.each(table)('%s', (_, seed, slowLoop, kinds) => {
    expect(kindsOf(seed, slowLoop)).toEqual(kinds);
  });
});

describe('alerts', () => {
  test('one for an incident: the gravest word that somebody wants to hear', async () => {
    const { alerting, told } = rig(['crash', 'flap']);
    const flap = seedOf({ next: cooldown });
    alerting.happened(flap);
    alerting.explained(incidentOf(), flap);
    const limit = seedOf({ kind: 'limit', next: { kind: 'hold', hold } });
    alerting.happened(limit);
    alerting.explained(incidentOf({ id: 'bot-2' }), limit);
    expect(await told()).toEqual([
      'keeps crashing (5 times in the window): exit code 1, disk-full; next start in 10m',
      'crashed (exit code 1) after 5s: disk-full',
    ]);
  });

  test('the slow loop is reported by its name, once', async () => {
    const { alerting, told } = rig(['slow-loop']);
    alerting.hear({ kind: 'slow-loop', deaths: 5, windowMs: 21_600_000 });
    alerting.happened(seedOf());
    alerting.happened(seedOf());
    expect(await told()).toEqual(['runs well for a while and crashes, again and again: exit code 1; next start in 1s']);
  });

  test('a run that ends like the one before is told with what was found out about that one', async () => {
    const { alerting, told, path } = rig(['slow-loop']);
    const seed = seedOf();
    alerting.happened(seed);
    alerting.explained(incidentOf({ category: 'auth-failed', recommendation: 'Log in again.' }), seed);
    alerting.hear({ kind: 'relapsed' });
    expect(await told()).toEqual([expect.stringMatching(/^runs well for a while .*each run ends like the one before/)]);
    expect(readFileSync(path, 'utf8')).toContain('Log in again.');
  });

  test('what nobody explains is told anyway', async () => {
    const { alerting, told } = rig(['crash']);
    const seed = seedOf({ exit: { code: null, signal: 'SIGKILL' } });
    alerting.happened(seed);
    alerting.explained(null, seed);
    expect(await told()).toEqual(['crashed (SIGKILL) after 5s; next start in 1s']);
  });

  test('a recovery says how long it was down, to the start that did it, and how many starts it took', async () => {
    const { alerting, clock, told } = rig(['recovered']);
    alerting.happened(seedOf({ at: { mono: 1000 as Mono, wall: 1_700_000_001_000 as Wall } }));
    for (const [run, at] of [
      [4, 31_000],
      [5, 61_000],
    ] as const) {
      clock.now = at;
      alerting.hear({ kind: 'started', run, pid: 7 });
      alerting.happened(seedOf());
    }
    clock.now = 193_000;
    alerting.hear({ kind: 'started', run: 6, pid: 7 });
    clock.now = 313_000;
    alerting.recovered(1_700_000_313_000 as Wall);
    expect(await told()).toEqual(['recovered, down 3m12s, 3 restarts: up for 2m']);
  });

  test('a recovery that comes before the explanation waits for it', async () => {
    const { alerting, told } = rig(['crash', 'recovered']);
    const seed = seedOf();
    alerting.happened(seed);
    alerting.recovered(1_700_000_000_500 as Wall);
    alerting.explained(incidentOf(), seed);
    expect(await told()).toEqual([
      'crashed (exit code 1) after 5s: disk-full; next start in 1s',
      expect.stringMatching(/^recovered/),
    ]);
  });

  test('an optional probe and a blind kill condition: unhealthy, and well again', async () => {
    const { alerting, clock, told } = rig(['unhealthy', 'recovered']);
    alerting.hear({ kind: 'probe-restored', name: 'disk', detail: 'enough' });
    alerting.hear({ kind: 'probe-warning', name: 'disk', detail: '1M is free' });
    alerting.hear({ kind: 'blind', why: 'm.json is missing' });
    clock.now = 60_000;
    alerting.hear({ kind: 'probe-restored', name: 'disk', detail: 'enough' });
    alerting.hear({ kind: 'sees-again' });
    expect(await told()).toEqual([
      'is unhealthy (disk)',
      'is unhealthy (kill-when): no current metrics: m.json is missing',
      'recovered, down 1m: disk is passing again',
      'recovered, down 1m: kill-when is passing again',
    ]);
  });

  test('starts, stops and holds', async () => {
    const { alerting, told } = rig();
    const exit = { code: null, signal: 'SIGTERM' as const };
    alerting.hear({ kind: 'started', run: 1, pid: 7 });
    alerting.hear({ kind: 'exited', exit, cause: 'stopped', why: null, uptimeMs: 3000, next: { kind: 'leave' } });
    alerting.hear({ kind: 'held', hold });
    alerting.hear({ kind: 'hold-unwritten', why: 'no space left' });
    expect(await told()).toEqual([
      'started: run 1',
      'stopped after 3s: as asked',
      'is held and will not be started: it exited with code 78',
      expect.stringMatching(/held.*: the hold could not be written to the disk \(no space left\)/),
    ]);
  });
});
