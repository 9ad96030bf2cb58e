import { faultOf, type Shape } from '../core/state-shape.ts';
import type { Incident } from './incident.ts';
import { categories } from './triage/rule.ts';

// The long lists are looked at without keeping book of where one is: hundreds of records are read at a time.
const texts: Shape = {
  is: value => Array.isArray(value) && value.every(text => typeof text === 'string'),
  what: 'a list of texts',
};

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
    evidence: texts,
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
    tail: texts,
    memory: { is: value => isMemory(value), what: 'a memory history' },
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

function isMemory(value: unknown): boolean {
  return Array.isArray(value) && value.every(point => typeof point?.at === 'string' && typeof point.bytes === 'number');
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

/** Reads what an incident's file parsed to: the incident, or in one phrase why it is none. */
export function readIncident(value: unknown): Incident | string {
  return faultOf(incidentShape, value) ?? (value as Incident);
}
