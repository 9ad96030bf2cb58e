import { type HealthPolicy, type HealthState, KILL_WHEN, type ProbeState, type Severity } from './health-model.ts';
import type { Shape } from './shape.ts';

/** A row of `health` in `status --json`. */
export interface HealthRow {
  name: string;
  /** null: not known yet. */
  ok: boolean | null;
  severity: Severity;
  detail: string;
  /** RFC 3339: since when it is so. */
  since: string;
}

/** What to say of each probe of a run, in the order they were given, the kill condition last. */
export function healthRows(policy: HealthPolicy, state: HealthState, iso: (wall: number) => string): HealthRow[] {
  const row = (name: string, severity: Severity, probe: ProbeState): HealthRow => {
    return { name, ok: probe.ok, severity, detail: probe.detail, since: iso(probe.since.wall) };
  };
  const rows = policy.probes.flatMap((probe, index) =>
    probe.way === 'asked' && !probe.judged ? [] : [row(probe.name, probe.severity, state.probes[index]!)],
  );
  if (state.killWhen !== null) rows.push(row(KILL_WHEN, 'critical', state.killWhen));
  return rows;
}

/** One sentence that proves the recovery of a run that is green: every critical probe, and what it saw. */
export function recoveryProof(policy: HealthPolicy, state: HealthState, upText: string): string {
  const seen = policy.probes.flatMap((probe, index) => {
    const { ok, detail } = state.probes[index]!;
    const counts = probe.severity === 'critical' && (probe.way !== 'asked' || probe.judged) && ok === true;
    return counts ? [`${probe.name}: ${detail}`] : [];
  });
  return [`up for ${upText}`, ...seen].join('; ');
}

/** The tree's memory at the last sample, in bytes; null before the first. */
export function memoryOf(state: HealthState): number | null {
  return state.memory.at(-1)?.bytes ?? null;
}

/** The form of a row in a file. */
export const healthRowShape: Shape = {
  object: {
    name: 'string',
    ok: { nullable: 'boolean' },
    severity: { oneOf: ['critical', 'optional'] },
    detail: 'string',
    since: 'string',
  },
};

const stamp: Shape = { object: { mono: 'number', wall: 'number' } };
const probe: Shape = {
  object: {
    ok: { nullable: 'boolean' },
    since: stamp,
    detail: 'string',
    value: { nullable: 'number' },
    failures: 'number',
    settled: 'boolean',
    askedAt: { nullable: 'number' },
    askedBeforeGap: 'boolean',
    nextAt: 'number',
    base: 'number',
    suspect: 'boolean',
    seen: { nullable: { object: { at: stamp, mtime: { nullable: 'number' }, count: 'number', bytes: 'number' } } },
  },
};

/** The form of a list of reasons. */
export const reasonsShape: Shape = {
  list: { object: { name: 'string', detail: 'string', severity: { oneOf: ['critical', 'optional'] } } },
};

/** The form of a HealthState in a file. */
export const healthShape: Shape = {
  object: {
    startedAt: stamp,
    probes: { list: probe },
    killWhen: { nullable: probe },
    lastTickAt: 'number',
    nextTickAt: { nullable: 'number' },
    outputBlocked: 'boolean',
    reasons: reasonsShape,
    green: 'boolean',
    memory: { list: { object: { at: 'number', bytes: 'number' } } },
  },
};
