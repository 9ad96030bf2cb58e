import { type HealthPolicy, type HealthState, KILL_WHEN, type ProbeState, type Severity } from './health-model.ts';

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
