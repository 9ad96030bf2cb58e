import { expect, test } from 'vitest';
import { FRESH_STATE } from '../../src/core/decide.ts';
import type { HealthRow } from '../../src/core/health-model.ts';
import type { Hold, Live, Phase, State, TimerId } from '../../src/core/model.ts';
import { isReady, serviceStatus } from '../../src/core/status.ts';
import type { Stamp, Wall } from '../../src/core/units.ts';

const since = { mono: 0, wall: 1000 } as Stamp;
const live = (healthy: boolean) => ({ pid: 7, healthy }) as Live;
const hold = { cause: 'max-restarts', why: '9 restarts in a row' } as Hold;
const state = (phase: unknown, more: Partial<State> = {}): State => ({
  ...FRESH_STATE,
  phase: phase as Phase,
  ...more,
});
const clock = (at: Wall) => `<${at}>`;
const limited = (until: number | null) => ({
  ...{ kind: 'limited', startAt: 65_000, since, timer: null },
  limit: { cause: 'rate-limited', until, line: null },
});

const phases: [string, unknown, up: boolean, healthy: boolean, text: string][] = [
  ['starting', { kind: 'starting', runId: 'r', since, checking: false }, false, false, 'starting'],
  ['running', { kind: 'running', live: live(false) }, true, false, 'running, pid 7'],
  ['healthy', { kind: 'running', live: live(true) }, true, true, 'healthy, pid 7'],
  ['stopping', { kind: 'stopping', live: live(true) }, false, false, 'stopping'],
  ['in a backoff', { kind: 'backoff', waitMs: 500, since, timer: null }, true, true, 'backoff until <1500>'],
  ['in a cooldown', { kind: 'cooldown', waitMs: 9000, since, timer: null }, true, true, 'cooldown until <10000>'],
  ['waiting', { kind: 'waiting', due: 5000 as Wall, timer: 1 as TimerId }, true, true, 'waiting until <5000>'],
  ['waiting for no time yet', { kind: 'waiting', due: null, timer: null }, true, true, 'waiting'],
  ['limited', limited(5000), true, true, 'limited until <5000> (usage limit)'],
  ['limited for no time known', limited(null), true, true, 'limited, next try <65000> (usage limit)'],
  ['checking', { kind: 'checking', ended: {}, code: null, asked: true }, true, true, 'checking'],
  ['held', { kind: 'held', hold }, true, true, 'held (9 restarts in a row)'],
  ['finished', { kind: 'finished', code: 3 }, true, true, 'finished'],
  ['stopped', { kind: 'stopped' }, true, true, 'stopped'],
];

test.each(phases)('what a watcher that is %s means to a service manager', (_name, phase, up, healthy, text) => {
  expect([isReady(state(phase), 'up'), isReady(state(phase), 'healthy')]).toEqual([up, healthy]);
  expect(serviceStatus(state(phase), [], clock)).toBe(`${text}, 0 restarts`);
});

test('a status has the restarts, the last exit and the failing probes, on one line', () => {
  const lastExit = { code: null, signal: 'SIGKILL', cause: 'crash', at: 0 as Wall, uptimeMs: 1 } as const;
  const rows: HealthRow[] = [
    { name: 'http:x', ok: false, severity: 'critical', detail: 'no\nanswer', since: '' },
    { name: 'disk', ok: false, severity: 'optional', detail: '', since: '' },
  ];
  expect(serviceStatus(state({ kind: 'running', live: live(true) }, { run: 2, lastExit }), rows, clock)).toBe(
    'unhealthy (http:x), pid 7, 1 restart, last exit: SIGKILL (crash)',
  );
  expect(serviceStatus(state({ kind: 'held', hold: { ...hold, why: 'a\nb' } }, { run: 3 }), [], clock)).toBe(
    'held (a b), 2 restarts',
  );
});
