import { faultOf, type Shape } from '../core/shape.ts';
import type { Incident } from './incident.ts';
import { categories } from './triage/category.ts';

const incidentShape: Shape = {
  object: {
    id: 'string',
    name: 'string',
    at: { is: value => isTime(value), what: 'a time' },
    kind: { oneOf: ['crash', 'exit', 'stalled', 'unhealthy', 'limit', 'orphan', 'start-failed'] },
    reasons: { list: { object: { name: 'string', detail: 'string' } } },
    exit: { object: { code: { nullable: 'number' }, signal: { nullable: 'string' } } },
    uptimeMs: 'number',
    category: { oneOf: categories },
    confidence: 'number',
    evidence: { list: 'string' },
    keyLine: { nullable: 'string' },
    fingerprint: 'string',
    priorMatches: {
      object: {
        count: 'number',
        windowDays: 'number',
        firstAt: { nullable: 'string' },
        lastAt: { nullable: 'string' },
      },
    },
    repeats: 'number',
    tail: { list: 'string' },
    memory: { list: { object: { at: 'string', bytes: 'number' } } },
    action: 'string',
    remedy: { nullable: { object: { command: 'string', exitCode: { nullable: 'number' }, ms: 'number' } } },
    recoveredAt: { nullable: { is: value => isTime(value), what: 'a time' } },
    recoveryProof: { nullable: 'string' },
    diagnosis: {
      nullable: {
        object: {
          source: 'string',
          model: { nullable: 'string' },
          text: 'string',
          costUsd: { nullable: 'number' },
          ms: 'number',
        },
      },
    },
    recommendation: 'string',
  },
};

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

/** Reads what an incident's file parsed to: the incident, or in one phrase why it is none. */
export function readIncident(value: unknown): Incident | string {
  return faultOf(incidentShape, value) ?? (value as Incident);
}
