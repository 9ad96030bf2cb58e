/**
 * Judges the health of one run: pure and total. How it is plugged in:
 *
 *   a run is up            turn = startHealth(policy, at)
 *   timer fires            turn = healthStep(policy, state, { type: 'tick' }, at)
 *   probes report          turn = healthStep(policy, state, { type: 'probes-reported', reports }, at)
 *   output stalls, flows   turn = healthStep(policy, state, { type: 'output-blocked', blocked }, at)
 *   after each of them     keep turn.state; order the probes in turn.ask to be asked; arm ONE timer for turn.state.nextTickAt (null:
 *                          none) in place of the former; act on turn.verdicts; save if turn.save
 *   the run is stopping    no more ticks (state.nextTickAt is null); reports are still judged, and a longer `unhealthy` adds its reasons to the stop's
 *   the run has ended      drop the state
 *
 * Everything in it is of one run, so a start forgets all. Reports for a name that is unknown or was not asked are harmless.
 */
import {
  type Case,
  change,
  type HealthDraft,
  judgeAsked,
  judgeKillWhen,
  judgeTimed,
  judgeTold,
  later,
} from './health-judges.ts';
import {
  type HealthFact,
  type HealthPolicy,
  type HealthState,
  KILL_WHEN,
  type ProbePolicy,
  type ProbeReport,
  type ProbeState,
  recoveryProof,
  type Verdict,
} from './health-model.ts';
import type { Live } from './model.ts';
import { arm, disarm, elapsed, enter, order, set, type Turn, tell } from './transition.ts';
import { durationText, type Mono, type Stamp } from './units.ts';

/** What a fact made of the health of a run. */
export interface HealthTurn {
  state: HealthState;
  verdicts: readonly Verdict[];
  /** Names of the probes to be asked now (KILL_WHEN among them); each is asked only once until it reports. */
  ask: readonly string[];
  /** Something changed that a reader of the state file should see. */
  save: boolean;
}

/** While a timed probe waits, a tick comes at least this often: a starved machine shows by a late one. */
const HEARTBEAT_MS = 5000;
/** A tick this late, and late by three of its intervals, is a gap: also where an answer is read before its timer fires. */
const GAP_MS = 2000;
/** A timer may fire a trifle early. */
const EARLY_MS = 2;
/** The first questions come so soon after the start. */
const FIRST_ASK_MS = 1000;

/** The health of a run that has just come up. */
export function startHealth(policy: HealthPolicy, at: Stamp): HealthTurn {
  const state: HealthState = {
    startedAt: at,
    probes: policy.probes.map(probe => freshProbe(at, probe)),
    killWhen:
      policy.killWhen === null
        ? null
        : { ...blank(at), nextAt: later(at, Math.min(policy.killWhen.intervalMs, FIRST_ASK_MS)) },
    lastTickAt: at.mono,
    nextTickAt: null,
    outputBlocked: false,
    reasons: [],
    green: false,
    memory: [],
  };
  const draft: HealthDraft = { policy, at, state, verdicts: [], ask: [], save: true };
  askDue(draft);
  return finish(draft, state);
}

/** Takes a fact about the run. */
export function healthStep(policy: HealthPolicy, before: HealthState, fact: HealthFact, at: Stamp): HealthTurn {
  const draft: HealthDraft = { policy, at, state: before, verdicts: [], ask: [], save: false };
  noticeGap(draft);
  if (fact.type === 'tick') tick(draft);
  else if (fact.type === 'probes-reported') for (const report of fact.reports) take(draft, report);
  else if (fact.blocked !== before.outputBlocked) outputBlocked(draft, fact.blocked);
  return finish(draft, before);
}

function blank(at: Stamp): ProbeState {
  const none = { value: null, failures: 0, settled: false, askedAt: null, askedBeforeGap: false, suspect: false };
  return { ...none, ok: null, since: at, detail: 'not known yet', nextAt: at.mono, base: at.mono, seen: null };
}

function freshProbe(at: Stamp, policy: ProbePolicy): ProbeState {
  const fresh = blank(at);
  if (policy.way === 'asked') return { ...fresh, nextAt: later(at, Math.min(policy.intervalMs, FIRST_ASK_MS)) };
  // What files are like at the start is what later looks are compared with, so those look at once.
  if (policy.way === 'timed')
    return policy.watches === 'output' ? { ...fresh, nextAt: later(at, Math.min(policy.lookMs, FIRST_ASK_MS)) } : fresh;
  const quiet: ProbeState = { ...fresh, ok: true, detail: 'no such line' };
  const never = Number.MAX_SAFE_INTEGER as Mono;
  return { ...quiet, nextAt: policy.lasts ? never : later(at, policy.startPeriodMs) };
}

function noticeGap(draft: HealthDraft): void {
  const { nextTickAt, lastTickAt } = draft.state;
  if (nextTickAt === null) return;
  const lateMs = draft.at.mono - nextTickAt;
  if (lateMs < Math.max(GAP_MS, 3 * (nextTickAt - lastTickAt))) return;
  forgive(draft, lateMs);
  draft.state = { ...draft.state, lastTickAt: draft.at.mono };
}

function tick(draft: HealthDraft): void {
  if (draft.state.nextTickAt === null) return;
  draft.state = { ...draft.state, lastTickAt: draft.at.mono };
  askDue(draft);
}

// We, or the whole machine, did not run for that long. Nobody is blamed for it: waits are longer by the gap, and an answer that was
// under way meanwhile counts only if it is good.
function forgive(draft: HealthDraft, gapMs: number): void {
  const { at, state, policy } = draft;
  const probes = state.probes.map((probe, index): ProbeState => {
    const askedBeforeGap = probe.askedAt !== null;
    if (policy.probes[index]!.way !== 'timed') return { ...probe, askedBeforeGap };
    const base = Math.min(at.mono, probe.base + gapMs) as Mono;
    return { ...probe, askedBeforeGap, base, suspect: false };
  });
  draft.state = { ...state, probes };
  draft.verdicts.push({ kind: 'clock-gap', gapMs });
}

function askDue(draft: HealthDraft): void {
  draft.policy.probes.forEach((policy, index) => {
    const { askedAt, nextAt } = draft.state.probes[index]!;
    if (
      askedAt !== null ||
      nextAt > draft.at.mono + slackMs('intervalMs' in policy ? policy.intervalMs : policy.lookMs)
    )
      return;
    change(draft, index, { askedAt: draft.at.mono, askedBeforeGap: false });
    draft.ask.push(policy.name);
  });
  const { killWhen } = draft.state;
  if (killWhen === null || killWhen.askedAt !== null) return;
  if (killWhen.nextAt > draft.at.mono + slackMs(draft.policy.killWhen?.intervalMs ?? 0)) return;
  draft.state = { ...draft.state, killWhen: { ...killWhen, askedAt: draft.at.mono } };
  draft.ask.push(KILL_WHEN);
}

// One wake-up for all that are due nearly together. A look that comes too early to judge is followed by one in time.
function slackMs(intervalMs: number): number {
  return Math.max(EARLY_MS, Math.min(500, intervalMs / 10));
}

function take(draft: HealthDraft, { probe: name, observation }: ProbeReport): void {
  if (name === KILL_WHEN) return judgeKillWhen(draft, observation);
  const index = draft.policy.probes.findIndex(policy => policy.name === name);
  const policy = draft.policy.probes[index];
  const state = draft.state.probes[index];
  if (policy === undefined || state === undefined) return;
  judge(draft, { index, policy, state }, observation);
  // What a listening probe says by itself is no answer to a question under way, but it answers it anyway.
  change(draft, index, { askedAt: null, askedBeforeGap: false });
}

function judge(draft: HealthDraft, probe: Case<ProbePolicy>, observation: ProbeReport['observation']): void {
  const { index, policy, state } = probe;
  if (policy.way === 'asked') judgeAsked(draft, { index, policy, state }, observation);
  else if (policy.way === 'timed') judgeTimed(draft, { index, policy, state }, observation);
  else judgeTold(draft, { index, policy, state }, observation);
}

// While the reader of our output stalls, the child may be stuck in a write: its silence then proves nothing.
function outputBlocked(draft: HealthDraft, blocked: boolean): void {
  const { at, state, policy } = draft;
  const probes = state.probes.map((probe, index): ProbeState => {
    const judged = policy.probes[index]!;
    if (judged.way !== 'timed' || judged.watches !== 'output') return probe;
    return { ...probe, suspect: false, base: blocked ? probe.base : at.mono, nextAt: at.mono };
  });
  draft.state = { ...state, probes, outputBlocked: blocked };
}

function finish(draft: HealthDraft, before: HealthState): HealthTurn {
  const { policy, verdicts, ask } = draft;
  const { reasons, probes } = draft.state;
  if (reasons.length > before.reasons.length) verdicts.push({ kind: 'unhealthy', reasons });
  const green = policy.probes.every(
    (probe, index) => probe.severity === 'optional' || !isJudged(probe) || probes[index]!.ok === true,
  );
  if (green && !before.green) verdicts.push({ kind: 'green' });
  if (green !== before.green) draft.save = true;
  draft.state = { ...draft.state, green };
  const state = { ...draft.state, nextTickAt: nextTick(draft) };
  return { state, verdicts, ask, save: draft.save };
}

function isJudged(policy: ProbePolicy): boolean {
  return policy.way !== 'asked' || policy.judged;
}

function nextTick({ state, policy, at }: HealthDraft): Mono | null {
  const all = state.killWhen === null ? state.probes : [...state.probes, state.killWhen];
  if (all.length === 0) return null;
  const timed = policy.probes.some(probe => probe.way === 'timed');
  let next = timed ? state.lastTickAt + HEARTBEAT_MS : Number.MAX_SAFE_INTEGER;
  for (const probe of all) if (probe.askedAt === null) next = Math.min(next, probe.nextAt);
  return next === Number.MAX_SAFE_INTEGER ? null : (Math.max(next, at.mono) as Mono);
}

/** Limits and refusals in a row, when there are none. */
const NO_ROW = { limitsInRow: 0, refusalsInRow: 0 };

/** Long enough up: the next wait is the first again. Returns the run as it is from now on. */
export function becameHealthy(turn: Turn, live: Live): Live {
  const { backoffStep, restartsInRow, lastExit, limitsInRow, refusalsInRow } = turn.state;
  // A client that tries again for minutes before it gives up is as limited as one that ends at once: only a recovery ends that row.
  const row = lastExit?.cause === 'limited' ? { limitsInRow, refusalsInRow } : NO_ROW;
  set(turn, { stepBefore: backoffStep, backoffStep: 0, restartsInRow: 0, shortRuns: 0, resumedInRow: 0, ...row });
  tell(turn, {
    kind: 'healthy',
    uptimeMs: elapsed(turn, live.since.mono),
    resets: backoffStep > 0 || restartsInRow > 0,
  });
  return proveRecovery(turn, { ...live, healthy: true });
}

/** Closes the last incident, or looks again when this run has outlived the one that failed. */
export function proveRecovery(turn: Turn, live: Live): Live {
  const uptimeMs = elapsed(turn, live.since.mono);
  const leftMs = turn.state.incident?.open === true ? provenAfterMs(turn) - uptimeMs : 0;
  const later: Live = { ...live, healthyTimer: leftMs > 0 ? arm(turn, Math.ceil(leftMs)) : null };
  enter(turn, { kind: 'running', live: later });
  if (leftMs <= 0) recovered(turn, live, uptimeMs);
  return later;
}

/**
 * How long a run must live before it proves that an incident is over. Time alone proves little where the run that crashed, or met its
 * limit, had lived for --healthy-after too: then it is half as long again as that one, ten times --healthy-after at most. An answer proves
 * more than time after a crash; that a program talks, or answers while it waits for a limit, proves nothing.
 */
function provenAfterMs({ policy: { health, healthyAfterMs }, state: { lastExit } }: Turn): number {
  const answers = health.probes.some(probe => probe.severity === 'critical' && probe.way === 'asked' && probe.judged);
  const unsure = lastExit?.cause === 'limited' || (lastExit?.cause === 'crash' && !answers);
  if (!unsure || lastExit.uptimeMs < healthyAfterMs) return healthyAfterMs;
  return Math.max(healthyAfterMs, Math.min(10 * healthyAfterMs, 1.5 * lastExit.uptimeMs));
}

/**
 * The run as it must be judged when it ends: on a busy machine the timer may fire after the news of the end, and a long
 * life is one nevertheless.
 */
export function healthyByNow(turn: Turn, live: Live): Live {
  const uptimeMs = elapsed(turn, live.since.mono);
  if (live.healthyTimer === null || !live.health.green) return live;
  if (uptimeMs < (live.healthy ? provenAfterMs(turn) : turn.policy.healthyAfterMs)) return live;
  disarm(turn, live.healthyTimer);
  return live.healthy ? proveRecovery(turn, live) : becameHealthy(turn, live);
}

/** The last incident is over: with its time and what proves it. */
function recovered(turn: Turn, live: Live, uptimeMs: number): void {
  const { incident } = turn.state;
  if (incident === null || !incident.open) return;
  const proof = recoveryProof(turn.policy.health, live.health, durationText(uptimeMs));
  order(turn, { type: 'close-incident', at: turn.event.at.wall, proof });
  set(turn, { incident: { ...incident, open: false }, ...NO_ROW });
}
