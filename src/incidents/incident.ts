import type { Autopsy } from '../core/autopsy.ts';
import type { IncidentKind } from '../core/events.ts';
import type { Exit } from '../core/model.ts';
import { faultOf, type Shape } from '../core/shape.ts';

/** What an incident is put down to. The list is the contract of `incidents --json`: adding one is a change of that contract. */
export const categories = [
  'out-of-memory',
  'disk-full',
  'port-in-use',
  'missing-dependency',
  'missing-file',
  'permission-denied',
  'bad-config',
  'auth-failed',
  'rate-limited',
  'network-unreachable',
  'tls-failure',
  'timeout',
  'upstream-error',
  'context-overflow',
  'database-locked',
  'corrupt-state',
  'resource-limit',
  'gpu-failure',
  'native-crash',
  'unhandled-exception',
  'killed-externally',
  'not-accepted',
  'unknown',
] as const;

export type Category = (typeof categories)[number];

/**
 * One sentence of experience: a line that looks like this means that. Rules are tried in the order of the rule book and the
 * first that fits speaks for the line, so what misleads ("memory quota") stands above what it is mistaken for ("quota").
 */
export interface Rule {
  /** `family.what`, unique: shown in incidents, part of the fingerprint. */
  readonly id: string;
  readonly category: Category;
  /** Tried on one line without its prefixes, cut to some 2000 characters; no unbounded repetition twice in one pattern. */
  readonly pattern: RegExp;
  /** A line of this kind (and, for `context`, the lines around it): the rule's test. */
  readonly example: string;
  /** Must fit one of the lines around it too: the source line of the top frame, an error's further properties. */
  readonly context?: RegExp;
  /** How much more telling than the usual rule of its kind (0 is the usual; negative for wording that is often survived). */
  readonly weight?: number;
  /** What to check first, with `{port|the port}`: a detail found in the line, or the words after the bar. */
  readonly check?: string;
  /** No program lives on after this: what is printed below it is its own dump. */
  readonly terminal?: boolean;
  /** It tells what the program was waiting for: the last such line speaks even for an end by a signal. */
  readonly ongoing?: boolean;
  /** It tells that something failed elsewhere ("see above", "exit status 1"): believed only when nothing else is there. */
  readonly wrapper?: boolean;
}

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
