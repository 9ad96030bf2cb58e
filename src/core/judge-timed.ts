import { changedAt } from './changed-at.ts';
import { durationText } from './duration-text.ts';
import { type Case, change, fail, type HealthDraft, later, pass } from './health-draft.ts';
import type { Observation, ProbePolicy, Seen } from './health-model.ts';
import type { Mono } from './model.ts';

type Timed = Extract<ProbePolicy, { way: 'timed' }>;

/**
 * Overdue is judged at a second look, so long after the first. When we wake from a stop, timers fire before the pipes are
 * read; and a file that is being replaced is missing for a moment.
 */
const CONFIRM_MS = 300;

/** A look for progress. What counts is when it last happened, not what the look happened to find. */
export function judgeTimed(draft: HealthDraft, probe: Case<Timed>, observed: Observation): void {
  const { index, policy, state } = probe;
  const found = progressIn(draft, probe, observed);
  if (found.seen !== null) change(draft, index, { seen: found.seen });
  const progressed = found.at !== null && found.at > state.base;
  const base = progressed ? (found.at as Mono) : state.base;
  const settled = state.settled || progressed;
  change(draft, index, { base, settled });
  const { startedAt, outputBlocked } = draft.state;
  const due = settled ? base + policy.limitMs : Math.max(base + policy.limitMs, startedAt.mono + policy.startPeriodMs);
  const detail = detailOf(policy, found, draft.at.mono - base, settled);
  const held = policy.kind === 'stale' && outputBlocked;
  if (draft.at.mono < due || held) {
    // From question to question, so that probes asked together stay together.
    const look = Math.max((state.askedAt ?? draft.at.mono) + policy.lookMs, draft.at.mono);
    const nextAt = Math.min(held ? Number.POSITIVE_INFINITY : due, look) as Mono;
    change(draft, index, { nextAt, suspect: false });
    if (progressed || found.well) pass(draft, index, detail);
    else change(draft, index, { detail });
    return;
  }
  const confirmed = state.suspect && !state.askedBeforeGap;
  const judged = state.ok === false || confirmed;
  change(draft, index, { suspect: true, nextAt: later(draft.at, judged ? policy.lookMs : CONFIRM_MS) });
  if (judged) fail(draft, index, detail);
}

interface Found {
  /** When there was progress last, as far as this look tells; null: none that is new. */
  at: Mono | null;
  /** It is well by its definition, though this run has not made any progress yet. */
  well: boolean;
  seen: Seen | null;
  words: string;
}

function progressIn(draft: HealthDraft, { policy, state }: Case<Timed>, observed: Observation): Found {
  const nothing: Found = { at: null, well: false, seen: null, words: '' };
  if (observed.kind === 'progress') return { ...nothing, at: observed.at, words: observed.detail };
  if (observed.kind === 'none') return { ...nothing, words: observed.detail };
  if (observed.kind === 'file') {
    const { mtime } = observed;
    const seen: Seen = { at: draft.at, mtime, count: 0, bytes: 0 };
    if (mtime === null) return { ...nothing, seen: state.seen ?? seen, words: 'missing' };
    return { ...nothing, seen, ...ofFile(draft, policy, state.seen, mtime) };
  }
  if (observed.kind !== 'artifacts') return nothing;
  const { count, bytes, newest } = observed;
  const seen: Seen = { at: draft.at, mtime: newest, count, bytes };
  const words = `${count} ${count === 1 ? 'file' : 'files'}, ${bytes} bytes`;
  const { seen: last } = state;
  const grew = last !== null && (count > last.count || bytes > last.bytes);
  return { at: grew ? changedAt(newest ?? draft.at.wall, last.at, draft.at) : null, well: false, seen, words };
}

function ofFile(draft: HealthDraft, policy: Timed, last: Seen | null, mtime: number): Pick<Found, 'at' | 'well'> {
  const wall = mtime as Seen['at']['wall'];
  const { startedAt } = draft.state;
  if (last !== null && last.mtime !== mtime) return { at: changedAt(wall, last.at, draft.at), well: true };
  const ofThisRun = last === null && mtime > startedAt.wall;
  // The former run's file may still be fresh: then it is well, but this run's time runs from its start.
  const fresh = last === null && mtime <= draft.at.wall && draft.at.wall - mtime < policy.limitMs;
  return { at: ofThisRun ? changedAt(wall, startedAt, draft.at) : null, well: fresh };
}

function detailOf(policy: Timed, { words }: Found, idleMs: number, settled: boolean): string {
  const idle = durationText(Math.max(0, idleMs));
  if (policy.kind === 'stale') return settled ? `${words} for ${idle}` : `${words} since the start ${idle} ago`;
  if (policy.kind === 'fresh-file') {
    if (words !== '')
      return `${words}; ${settled ? `last changed ${idle} ago` : `not written since the start ${idle} ago`}`;
    return settled ? `changed ${idle} ago` : `not written since the start ${idle} ago`;
  }
  return `${words}; ${settled ? `grew ${idle} ago` : `no growth since the start ${idle} ago`}`;
}
