import { describe, expect, test } from 'vitest';
import type { IncidentSeed } from '../../src/core/events.ts';
import { explain } from '../../src/incidents/explain.ts';
import { hangAdvice, measuredCause } from '../../src/incidents/measured-cause.ts';
import { actionWords, postMortem } from '../../src/incidents/post-mortem.ts';
import { anIncident } from './an-incident.ts';

type Wall = IncidentSeed['at']['wall'];

const seedOf = (changes: Partial<IncidentSeed>): IncidentSeed => ({
  at: { mono: 0, wall: 1_767_600_000_000 as Wall } as IncidentSeed['at'],
  kind: 'unhealthy',
  run: 3,
  exit: { code: null, signal: 'SIGTERM' },
  cause: 'probe',
  reasons: [],
  why: null,
  uptimeMs: 60_000,
  memory: [],
  next: { kind: 'restart', number: 2, inMs: 1000 },
  ...changes,
});

const kinds: Readonly<Record<string, string>> = { stale: 'stale', memory: 'memory', 'port:80': 'port' };
const kindOf = (name: string) => (name.startsWith('http:') ? 'http' : (kinds[name] ?? null));
const causeOf = (changes: Partial<IncidentSeed>, output = '') =>
  explain({ seed: seedOf(changes), output, facts: [], notes: [], rules: true, kindOf });
const reason = (name: string, detail: string) => [{ name, detail, severity: 'critical' as const }];

/** What real programs print because they are asked to end. */
const farewells = [
  'Operation cancelled.',
  '^C',
  'Error: The operation was aborted',
  'Received SIGTERM, shutting down',
  'KeyboardInterrupt',
];

describe('the cause of a run that the watcher ended is what it measured', () => {
  test.each(farewells)('and not what the program printed because of it: %s', farewell => {
    const found = causeOf({ kind: 'stalled', reasons: reason('stale', 'no output for 20m') }, `step 4\n${farewell}\n`);
    expect(found).toMatchObject({ category: 'timeout', keyLine: 'No output for 20m' });
    expect(found.evidence.join()).not.toContain(farewell);
  });

  test.each([
    ['HTTP 503: {"db":"connection refused"} (3 times in a row)', 'network-unreachable'],
    ['HTTP 500', 'upstream-error'],
    ['no answer within 5000 ms', 'timeout'],
    ['HTTP 429: too many requests', 'rate-limited'],
  ])('a failed HTTP probe: %s is %s', (detail, category) => {
    const found = causeOf({ reasons: reason('http:http://127.0.0.1:8080/health', detail) });
    expect(found.category).toBe(category);
    expect(found.keyLine).toBe(`Probe http:http://127.0.0.1:8080/health failed: ${detail}`);
  });

  test('a limit has its numbers', () => {
    const detail = '2.4 GiB in 3 processes, more than 2 GiB';
    expect(causeOf({ kind: 'limit', cause: 'limit', reasons: reason('memory', detail) })).toMatchObject({
      category: 'out-of-memory',
      keyLine: `Memory limit exceeded: ${detail}`,
    });
  });

  test('a kill condition has its values with their limits', () => {
    const why = 'daily_loss > 10 (daily_loss is 12.5)';
    const found = causeOf({ kind: 'limit', cause: 'kill-condition', why }, 'Error: order rejected\n');
    expect(found).toMatchObject({ category: 'resource-limit', keyLine: `Kill condition met: ${why}` });
  });

  test('what the log said before is quoted beside it, if it says something', () => {
    const output = 'Error: connect ECONNREFUSED 10.0.0.5:5432\n';
    const { evidence } = causeOf({ kind: 'stalled', reasons: reason('stale', 'no output for 20m') }, output);
    expect(evidence).toContain('the log says: Error: connect ECONNREFUSED 10.0.0.5:5432');
  });

  test('the numbers are no part of the fingerprint', () => {
    const print = (detail: string) => causeOf({ kind: 'stalled', reasons: reason('stale', detail) }).fingerprint;
    expect(print('no output for 20m')).toBe(print('no output for 21m'));
  });
});

describe('its post-mortem', () => {
  const context = { command: ['./bot'], host: null };
  const report = (changes: Parameters<typeof anIncident>[0]) =>
    postMortem(anIncident(changes), context).trimEnd().split('\n');

  test.each([
    ['stalled', 'No output for 20m'],
    ['unhealthy', 'Probe http:http://127.0.0.1:8080/ failed: HTTP 503: {"ok":false}'],
    ['limit', 'Kill condition met: daily_loss > 10 (daily_loss is 12.5)'],
  ] as const)('says in the first line what was measured: %s', (kind, keyLine) => {
    expect(report({ kind, keyLine })[0]).toContain(keyLine);
  });

  test('ends with the command that clears a hold', () => {
    const hold = { kind: 'hold', hold: { cause: 'kill-condition', why: 'cash < 20', at: 0 as Wall } } as const;
    const action = actionWords(seedOf({ cause: 'kill-condition', next: hold }), 'agent');
    expect(report({ kind: 'limit', action }).at(-1)?.trim()).toBe('agent-watch reset agent');
  });

  test('ends with the command that starts a finished service', () => {
    const action = actionWords(seedOf({ next: { kind: 'finish', code: 1 } }), 'agent');
    expect(report({ action }).at(-1)?.trim()).toBe('agent-watch start agent');
  });

  test('says of a scheduled run that it runs again', () => {
    expect(actionWords(seedOf({ next: { kind: 'schedule' } }), 'agent')).toContain('its next scheduled time');
  });

  test('ends with the command that starts it at once, where it would wait for long', () => {
    const cooldown = { kind: 'cooldown', inMs: 600_000, crashes: 5, windowMs: 300_000 } as const;
    expect(
      report({ action: actionWords(seedOf({ next: cooldown }), 'agent') })
        .at(-1)
        ?.trim(),
    ).toBe('agent-watch reset agent');
    const wait = { action: 'It waits for its next try at 10:00.', kind: 'limited' } as const;
    expect(
      report({ ...wait, category: 'auth-failed' })
        .at(-1)
        ?.trim(),
    ).toBe('agent-watch reset agent');
    expect(
      report({ ...wait, category: 'rate-limited' })
        .at(-1)
        ?.trim(),
    ).toBe('agent-watch status agent');
  });

  test('else ends with the command that shows how it is now', () => {
    expect(report({}).at(-1)?.trim()).toBe('agent-watch status agent');
  });

  test('names what a hang waited for, where that is known', () => {
    const silence = measuredCause(
      seedOf({
        kind: 'stalled',
        cause: 'probe',
        reasons: [{ name: 'stale', detail: 'no output for 20m', severity: 'critical' }],
      }),
      () => 'stale',
    ).recommendation;
    const waits =
      'python3 agent.py (pid 7) waits for 10.0.0.7:443 (ESTABLISHED, nothing received for 20m); no CPU time used';
    expect(hangAdvice(silence, waits)).toBe(
      'The program hung waiting for 10.0.0.7:443. Find out why that does not answer, and give the call a time limit shorter than the probe.',
    );
    expect(hangAdvice(silence, 'sh (pid 7) sleeps (nanosleep); no CPU time used')).toBe(silence);
    expect(hangAdvice('Run it.', waits)).toBe('Run it.');
  });
});
