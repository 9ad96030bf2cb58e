import type { Incident } from '../../src/incidents/incident.ts';

/** An incident for tests, with what matters to the test replaced. */
export const anIncident = (changes: Partial<Incident> = {}): Incident => ({
  id: 'agent-20260302T101504123Z',
  name: 'agent',
  at: '2026-03-02T10:15:04.123Z',
  kind: 'crash',
  reasons: [],
  exit: { code: 1, signal: null },
  uptimeMs: 11_530_000,
  category: 'network-unreachable',
  confidence: 0.93,
  evidence: ['the log says: Error: connect ECONNREFUSED 127.0.0.1:6379', 'ended with exit code 1'],
  keyLine: 'Error: connect ECONNREFUSED 127.0.0.1:6379',
  fingerprint: '0123456789abcdef',
  priorMatches: { count: 0, windowDays: 90, firstAt: null, lastAt: null },
  repeats: 0,
  autopsy: null,
  tail: ['tool call 41', 'Error: connect ECONNREFUSED 127.0.0.1:6379'],
  memory: [
    { at: '2026-03-02T10:14:59.000Z', bytes: 180_000_000 },
    { at: '2026-03-02T10:15:04.000Z', bytes: 120_000_000 },
  ],
  action: 'restarted after 1s',
  remedy: null,
  recoveredAt: '2026-03-02T10:17:20.000Z',
  recoveryProof: 'up for 2m and every critical probe green',
  diagnosis: null,
  recommendation: 'Nothing listens at 127.0.0.1:6379: check that the service there runs.',
  ...changes,
});
