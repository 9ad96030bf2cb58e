import type { HealthPolicy, HealthState, ProbePolicy, ProbeState, Verdict } from './health-model.ts';
import type { Mono, Stamp } from './model.ts';

/** One fact on its way through the judges: the state as it becomes, and what follows so far. Never leaves core. */
export interface HealthDraft {
  readonly policy: HealthPolicy;
  readonly at: Stamp;
  state: HealthState;
  readonly verdicts: Verdict[];
  /** Names of those to be asked now. */
  readonly ask: string[];
  /** Whether something changed that a reader of the state file should see soon. */
  save: boolean;
}

export function change(draft: HealthDraft, index: number, news: Partial<ProbeState>): void {
  const probes = draft.state.probes.map((probe, at) => (at === index ? { ...probe, ...news } : probe));
  draft.state = { ...draft.state, probes };
}

export function later(at: Stamp, delayMs: number): Mono {
  return (at.mono + delayMs) as Mono;
}

/** It is well, with words of now. */
export function pass(draft: HealthDraft, index: number, detail: string): void {
  const before = draft.state.probes[index]!;
  const turned = before.ok !== true;
  if (turned || before.failures > 0) draft.save = true;
  change(draft, index, { ok: true, detail, failures: 0, suspect: false, ...(turned ? { since: draft.at } : {}) });
  if (before.ok === false) draft.verdicts.push({ kind: 'restored', name: draft.policy.probes[index]!.name, detail });
}

/** It is unhealthy. A critical one ends the run; said once, while it stays so only its words change. */
export function fail(draft: HealthDraft, index: number, detail: string): void {
  const { name, severity } = draft.policy.probes[index]!;
  const turned = draft.state.probes[index]!.ok !== false;
  change(draft, index, { ok: false, detail, ...(turned ? { since: draft.at } : {}) });
  if (!turned) return;
  draft.save = true;
  const reason = { name, detail, severity };
  if (severity === 'optional') draft.verdicts.push({ kind: 'warning', reason });
  else if (!draft.state.reasons.some(known => known.name === name))
    draft.state = { ...draft.state, reasons: [...draft.state.reasons, reason] };
}

/** Since the run's start, in ms. */
export function ageMs(draft: HealthDraft): number {
  return draft.at.mono - draft.state.startedAt.mono;
}

/** A probe and its state, for a judge. */
export interface Case<P extends ProbePolicy> {
  readonly index: number;
  readonly policy: P;
  readonly state: ProbeState;
}
