import type { IncidentSeed } from '../../src/core/events.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import type { Incident } from '../../src/incidents/incident.ts';

/** What the machine says of a crash with code 1. */
export function seedOf(more: Partial<IncidentSeed> = {}): IncidentSeed {
  return {
    at: { mono: 1000 as Mono, wall: 1_700_000_000_000 as Wall },
    kind: 'crash',
    run: 1,
    exit: { code: 1, signal: null },
    cause: 'crash',
    reasons: [],
    why: null,
    uptimeMs: 5000,
    memory: [],
    next: { kind: 'restart', number: 1, inMs: 1000 },
    ...more,
  };
}

/** The same, explained. */
export function incidentOf(more: Partial<Incident> = {}): Incident {
  return {
    id: 'bot-1',
    name: 'bot',
    at: '2026-11-01T03:00:00.000Z',
    kind: 'crash',
    reasons: [],
    exit: { code: 1, signal: null },
    uptimeMs: 5000,
    category: 'disk-full',
    confidence: 0.9,
    evidence: [],
    keyLine: 'OSError: no room',
    fingerprint: '0123456789abcdef',
    priorMatches: { count: 0, windowDays: 90, firstAt: null, lastAt: null },
    repeats: 0,
    autopsy: null,
    tail: ['OSError: no room'],
    memory: [],
    action: 'started again',
    remedy: null,
    recoveredAt: null,
    recoveryProof: null,
    diagnosis: null,
    recommendation: 'Make room.',
    ...more,
  };
}
