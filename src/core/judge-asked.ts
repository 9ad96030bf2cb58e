import { ageMs, type Case, change, fail, type HealthDraft, later, pass } from './health-draft.ts';
import type { Observation, ProbePolicy } from './health-model.ts';
import { withPoint } from './memory-history.ts';
import type { Mono } from './model.ts';

type Asked = Extract<ProbePolicy, { way: 'asked' }>;
type Told = Extract<ProbePolicy, { way: 'told' }>;

/** Until its first success a probe is asked at least this often, so that a start is noticed soon. */
const START_INTERVAL_MS = 5000;
/** A question that could not be put is put again after this. */
const AGAIN_MS = 1000;

/** An answer of a probe that is asked: failures count in a row, after the grace. */
export function judgeAsked(draft: HealthDraft, { index, policy, state }: Case<Asked>, seen: Observation): void {
  const askedAt = state.askedAt ?? draft.at.mono;
  if (seen.kind !== 'answer' || (state.askedBeforeGap && !seen.ok)) {
    const detail = seen.kind === 'none' ? seen.detail : state.detail;
    return change(draft, index, { detail, nextAt: later(draft.at, Math.min(policy.intervalMs, AGAIN_MS)) });
  }
  if (seen.value !== null) keep(draft, { index, policy, state }, seen.value);
  change(draft, index, { nextAt: nextAsk(draft, policy, askedAt, state.settled || seen.ok) });
  if (!policy.judged) return;
  if (seen.ok) {
    change(draft, index, { settled: true });
    return pass(draft, index, seen.detail);
  }
  if (!state.settled && askedAt - draft.state.startedAt.mono < policy.graceMs) {
    return change(draft, index, { detail: `${seen.detail} (starting)` });
  }
  const failures = state.failures + 1;
  draft.save ||= state.ok !== false;
  const inRow = policy.retries > 1 ? `${seen.detail} (${failures} times in a row)` : seen.detail;
  change(draft, index, {
    failures,
    detail: failures < policy.retries ? `${seen.detail} (${failures} of ${policy.retries})` : inRow,
  });
  if (failures >= policy.retries) fail(draft, index, inRow);
}

function keep(draft: HealthDraft, { index, policy }: Case<Asked>, value: number): void {
  change(draft, index, { value });
  if (policy.kind !== 'memory') return;
  draft.state = { ...draft.state, memory: withPoint(draft.state.memory, { at: draft.at.wall, bytes: value }) };
}

// From one question to the next, not from an answer to the next question: a slow answer must not stretch the interval.
function nextAsk(draft: HealthDraft, policy: Asked, askedAt: Mono, settled: boolean): Mono {
  const graceEnd = draft.state.startedAt.mono + policy.graceMs;
  const due =
    settled || askedAt >= graceEnd
      ? askedAt + policy.intervalMs
      : Math.min(askedAt + Math.min(policy.intervalMs, START_INTERVAL_MS), graceEnd);
  return Math.max(due, draft.at.mono) as Mono;
}

/**
 * What a listening probe said, or answered when asked at the end of its start period. A failing line is judged at once;
 * an error rate that is too high while it starts is judged when the start period is over.
 */
export function judgeTold(draft: HealthDraft, { index, policy, state }: Case<Told>, seen: Observation): void {
  if (state.askedAt !== null || seen.kind !== 'answer')
    change(draft, index, { nextAt: later(draft.at, policy.lookMs) });
  if (seen.kind !== 'answer') return;
  if (seen.value !== null) change(draft, index, { value: seen.value });
  if (seen.ok) {
    // A line that told of a failure is not taken back by later ones.
    if (policy.kind === 'error-rate') pass(draft, index, seen.detail);
    return;
  }
  if (policy.kind === 'error-rate' && ageMs(draft) < policy.startPeriodMs) {
    return change(draft, index, { detail: `${seen.detail} (starting)` });
  }
  fail(draft, index, seen.detail);
}
