import type { Autopsy } from '../core/autopsy.ts';
import type { IncidentKind } from '../core/events.ts';
import type { Exit } from '../core/model.ts';
import { faultOf, type Shape } from '../core/shape.ts';
import { type Category, categories } from './triage/rule.ts';

/**
 * An incident as it lies on disk and as `incidents --json` prints it: redacted, free of control sequences, no field ever
 * missing. Times are RFC 3339 UTC, durations ms.
 */
export interface Incident {
  id: string;
  name: string;
  at: string;
  kind: IncidentKind;
  /** The probes or limits that ended the run. */
  reasons: { name: string; detail: string }[];
  exit: Exit;
  uptimeMs: number;
  category: Category;
  /** 0 to 1. */
  confidence: number;
  /** Sentences, the strongest first. */
  evidence: string[];
  keyLine: string | null;
  fingerprint: string;
  /** Earlier incidents with this fingerprint, as they were known when this one was opened. */
  priorMatches: { count: number; windowDays: number; firstAt: string | null; lastAt: string | null };
  /** How many more like it came too quickly to be kept each. */
  repeats: number;
  /** What the processes did before a probe stopped them; null: it was not read. */
  autopsy: Autopsy | null;
  tail: string[];
  memory: { at: string; bytes: number }[];
  /** What was done about it, in a sentence. */
  action: string;
  remedy: { command: string; exitCode: number | null; ms: number } | null;
  recoveredAt: string | null;
  recoveryProof: string | null;
  /** A model's guess, or null. */
  diagnosis: { source: string; model: string | null; text: string; costUsd: number | null; ms: number } | null;
  recommendation: string;
}

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
    kind: { oneOf: ['crash', 'exit', 'stalled', 'unhealthy', 'limit', 'limited', 'orphan', 'start-failed'] },
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

/** Reads what an incident's file parsed to: the incident, or in one phrase why it is none. Files from before there was one lack `autopsy`. */
export function readIncident(value: unknown): Incident | string {
  const fault = faultOf(incidentShape, value);
  if (fault !== null) return fault;
  const incident = value as Incident;
  return { ...incident, autopsy: incident.autopsy ?? null };
}

/** The folder in a name's folder that holds its incidents: `<id>.json` for programs, `<id>.md` for people. */
export const INCIDENTS_FOLDER = 'incidents';

/** What is remembered of those that are kept no more. */
export const EVICTED_FILE = 'dropped.json';
