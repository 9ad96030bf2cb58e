import { type HealthDraft, later } from './health-draft.ts';
import type { Observation, ProbeState } from './health-model.ts';
import type { Mono } from './model.ts';

/**
 * A reading of the kill condition. True holds at once: no start period, no retries. Blind is told once a spell, or trips, if that
 * was asked for; numbers that only the child's output can bring have until their greatest age to appear.
 */
export function judgeKillWhen(draft: HealthDraft, observed: Observation): void {
  const { killWhen: state, startedAt } = draft.state;
  const policy = draft.policy.killWhen;
  if (state === null || policy === null) return;
  const nextAt = Math.max((state.askedAt ?? draft.at.mono) + policy.intervalMs, draft.at.mono) as Mono;
  const idle: ProbeState = { ...state, askedAt: null, nextAt };
  if (observed.kind !== 'condition') {
    draft.state = { ...draft.state, killWhen: { ...idle, nextAt: later(draft.at, Math.min(1000, policy.intervalMs)) } };
    return;
  }
  const { result, notYet, why } = observed;
  const waiting = result === 'blind' && notYet && draft.at.mono - startedAt.mono < policy.maxAgeMs;
  const ok = waiting ? null : result === 'clear';
  const turned = ok !== state.ok;
  draft.save ||= turned;
  draft.state = { ...draft.state, killWhen: { ...idle, ok, detail: why, ...(turned ? { since: draft.at } : {}) } };
  if (result === 'tripped') draft.verdicts.push({ kind: 'tripped', why });
  else if (result === 'blind' && !waiting && policy.blindTrips)
    draft.verdicts.push({ kind: 'tripped', why: `blind: ${why}` });
  else if (turned && ok === false) draft.verdicts.push({ kind: 'blind', why });
  else if (turned && ok === true && state.ok === false) draft.verdicts.push({ kind: 'sees-again' });
}
