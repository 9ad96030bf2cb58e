import type {
  HealthPolicy,
  HealthState,
  MemoryPoint,
  Observation,
  ProbePolicy,
  ProbeState,
  Seen,
  Verdict,
} from './health-model.ts';
import { durationText, type Mono, type Stamp, type Wall } from './units.ts';

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
function pass(draft: HealthDraft, index: number, detail: string): void {
  const before = draft.state.probes[index]!;
  const turned = before.ok !== true;
  if (turned || before.failures > 0) draft.save = true;
  change(draft, index, { ok: true, detail, failures: 0, suspect: false, ...(turned ? { since: draft.at } : {}) });
  if (before.ok === false) draft.verdicts.push({ kind: 'restored', name: draft.policy.probes[index]!.name, detail });
}

/** It is unhealthy. A critical one ends the run; said once, while it stays so only its words change. */
function fail(draft: HealthDraft, index: number, detail: string): void {
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
function ageMs(draft: HealthDraft): number {
  return draft.at.mono - draft.state.startedAt.mono;
}

/** A probe and its state, for a judge. */
export interface Case<P extends ProbePolicy> {
  readonly index: number;
  readonly policy: P;
  readonly state: ProbeState;
}

/**
 * A reading of the kill condition. True holds at once: no start period, no retries. Blind is told once a spell, or trips, if that
 * was asked for; numbers that only the child's output can bring have until their greatest age to appear.
 */
export function judgeKillWhen(draft: HealthDraft, observed: Observation): void {
  const { killWhen: state, startedAt } = draft.state;
  const policy = draft.policy.killWhen;
  if (state === null || policy === null) return;
  const nextAt = Math.max((state.askedAt ?? draft.at.mono) + policy.intervalMs, draft.at.mono) as Mono;
  const answered = observed.kind === 'condition';
  const idle: ProbeState = { ...state, askedAt: null, nextAt, base: answered ? draft.at.mono : state.base };
  if (!answered && draft.at.mono - state.base < policy.maxAgeMs) {
    draft.state = { ...draft.state, killWhen: { ...idle, nextAt: later(draft.at, Math.min(1000, policy.intervalMs)) } };
    return;
  }
  // What gives no answer for as long as numbers may be old has none.
  const { result, notYet, why } = answered ? observed : noAnswer(observed);
  const waiting = result === 'blind' && notYet && draft.at.mono - startedAt.mono < policy.maxAgeMs;
  const ok = waiting ? null : result === 'clear';
  const turned = ok !== state.ok;
  draft.save ||= turned;
  draft.state = { ...draft.state, killWhen: { ...idle, ok, detail: why, ...(turned ? { since: draft.at } : {}) } };
  if (result === 'tripped') draft.verdicts.push({ kind: 'tripped', why });
  else if (result === 'blind' && !waiting && policy.blindTrips)
    draft.verdicts.push({ kind: 'tripped', why: `no current metrics: ${why}` });
  else if (turned && ok === false) draft.verdicts.push({ kind: 'blind', why });
  else if (turned && ok === true && state.ok === false) draft.verdicts.push({ kind: 'sees-again' });
}

function noAnswer(observed: Observation) {
  const why = observed.kind === 'none' ? observed.detail : 'no answer';
  return { result: 'blind', notYet: false, why } as const;
}

/** At most this many points are kept of a run. */
const MEMORY_POINTS = 60;

/**
 * Adds a point. When the list is full every second one goes, so that it always spans the whole run, the last points at
 * their own density.
 */
function withPoint(history: readonly MemoryPoint[], point: MemoryPoint): readonly MemoryPoint[] {
  if (history.length < MEMORY_POINTS) return [...history, point];
  return [...history.filter((_, index) => index % 2 === 0), point];
}

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
  if (!policy.isMemory) return;
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
    if (!policy.lasts) pass(draft, index, seen.detail);
    else if (state.ok === true && state.detail !== seen.detail) {
      change(draft, index, { detail: seen.detail });
      draft.save = true;
    }
    return;
  }
  if (!policy.lasts && ageMs(draft) < policy.startPeriodMs) {
    return change(draft, index, { detail: `${seen.detail} (starting)` });
  }
  fail(draft, index, seen.detail);
}

/** File systems keep times coarsely (FAT: 2 s), and a server's clock differs a little from ours. */
const TOLERANCE_MS = 2000;

/**
 * When something changed, on the monotonic clock, that was unchanged at `before` and is seen changed now. Its wall time
 * is believed only as far as it fits between the two looks and the wall clock ran evenly between them; a clock that was
 * set, or a machine that slept, must not make a file look old. In doubt it changed just now.
 */
export function changedAt(changed: Wall, before: Stamp, now: Stamp): Mono {
  const betweenMs = now.mono - before.mono;
  const driftMs = Math.abs(now.wall - before.wall - betweenMs);
  const ageMs = now.wall - changed;
  if (driftMs > TOLERANCE_MS || ageMs < 0 || ageMs > betweenMs + TOLERANCE_MS) return now.mono;
  return (now.mono - Math.min(ageMs, betweenMs)) as Mono;
}

type Timed = Extract<ProbePolicy, { way: 'timed' }>;

/**
 * Overdue is judged at a second look, this long after the first. When we wake from a stop, timers fire before the pipes are
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
  const { startedAt, outputBlocked } = draft.state;
  // What came before a gap that was forgiven is no progress since, but this run has made some.
  const settled = state.settled || (found.at !== null && found.at > startedAt.mono);
  change(draft, index, { base, settled });
  const learned = observed.kind === 'progress' ? observed.learned : undefined;
  const limitMs = learned?.limitMs ?? policy.limitMs;
  const due = settled ? base + limitMs : Math.max(base + limitMs, startedAt.mono + policy.startPeriodMs);
  const said = detailOf(policy, found, draft.at.mono - base, settled);
  const detail = learned === undefined ? said : `${said}; ${learned.words}`;
  const held = policy.watches === 'output' && outputBlocked;
  if (policy.once && settled) {
    change(draft, index, { nextAt: Number.MAX_SAFE_INTEGER as Mono, suspect: false });
    return pass(draft, index, `first output after ${durationText(Math.max(0, base - startedAt.mono))}`);
  }
  if (draft.at.mono < due || held) {
    // From question to question, so that probes asked together stay together.
    const look = Math.max((state.askedAt ?? draft.at.mono) + policy.lookMs, draft.at.mono);
    const nextAt = Math.min(held ? Number.POSITIVE_INFINITY : due, look) as Mono;
    change(draft, index, { nextAt, suspect: false });
    if (progressed || found.well || settled !== state.settled) pass(draft, index, detail);
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
  if (policy.watches === 'output') return settled ? `${words} for ${idle}` : `${words} since the start ${idle} ago`;
  if (policy.watches === 'file') {
    if (words !== '')
      return `${words}; ${settled ? `last changed ${idle} ago` : `not written since the start ${idle} ago`}`;
    return settled ? `changed ${idle} ago` : `not written since the start ${idle} ago`;
  }
  return `${words}; ${settled ? `grew ${idle} ago` : `no growth since the start ${idle} ago`}`;
}
