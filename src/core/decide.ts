import type { Effect, Event, Fact } from './events.ts';
import { becameHealthy, healthyByNow, proveRecovery, startHealth } from './health-step.ts';
import { beginHealth, checkedBeforeStart, judge } from './health-turn.ts';
import type { Live, Policy, RunId, State, TimerId } from './model.ts';
import {
  endDump,
  graceOfRest,
  graceOver,
  kill,
  resetRequested,
  restartRequested,
  runChecked,
  stopChild,
  stopRequested,
} from './requests.ts';
import { resume } from './resume.ts';
import { beginCheck, ended, endedByItself, endOf, startFailed } from './run-end.ts';
import { arm, clear, disarm, enter, order, saveFinished, set, type Turn, tell, trySaveAgain } from './transition.ts';
import { durationText } from './units.ts';
import { budgetOutcome, limitOutcome, planRun, runPlanned, settle, waitLimited } from './waits.ts';

/** The state of a name that was never watched. */
export const FRESH_STATE: State = {
  phase: { kind: 'stopped' },
  run: 0,
  backoffStep: 0,
  restartsInRow: 0,
  shortRuns: 0,
  limitsInRow: 0,
  refusalsInRow: 0,
  resumeNext: false,
  resumedInRow: 0,
  stepBefore: 0,
  crashes: [],
  slowDeaths: [],
  lastExit: null,
  everUp: false,
  toldSuccess: false,
  toldFloor: false,
  clearing: null,
  stuck: null,
  leaving: null,
  outputBlockedSince: null,
  logDroppedBytes: 0,
  lastDue: null,
  incident: null,
  saveTimer: null,
  nextTimer: 1 as TimerId,
};

/**
 * The machine: what an event makes of a state, and what is to be done about it. Pure and total: it reads no clock, no
 * chance and no world; news of a former run or of a disarmed timer changes nothing.
 */
export function decide(policy: Policy, state: State, event: Event): { state: State; effects: Effect[] } {
  const turn: Turn = { policy, event, state, effects: [], save: false };
  const take = on[event.type] as (turn: Turn, event: Event) => void;
  take(turn, event);
  settle(turn);
  const effects: Effect[] = turn.save ? [{ type: 'save-state' }, ...turn.effects] : turn.effects;
  return { state: turn.state, effects };
}

type Of<T extends Fact['type']> = Extract<Event, { type: T }>;

/** What is done about each kind of fact; the table of tests is held against its keys. */
export const on: { readonly [T in Fact['type']]: (turn: Turn, event: Of<T>) => void } = {
  'watcher-started': resume,
  'child-spawned': spawned,
  'spawn-failed': (turn, event) => {
    const { phase } = turn.state;
    if (phase.kind === 'starting' && !phase.checking && phase.runId === event.runId) startFailed(turn, event.failure);
  },
  'child-exited': exited,
  'run-checked': runChecked,
  'run-cleared': (turn, event) => {
    const { clearing, lastExit, stuck } = turn.state;
    if (clearing?.runId !== event.runId) return;
    if (stuck !== null) tell(turn, { kind: 'ended-at-last' });
    set(turn, { clearing: null, stuck: null });
    if (event.ended > 0)
      tell(turn, {
        kind: 'leftovers-ended',
        count: event.ended,
        names: event.names ?? [],
        orphan: lastExit?.cause === 'orphan',
        // What has no main process is a check, or of a dead watcher.
        background: lastExit?.cause === 'success' && clearing.pid !== null,
      });
  },
  'run-stuck': (turn, { runId, survivors, at }) => {
    const { phase, clearing, stuck } = turn.state;
    if (runId !== clearing?.runId && !(phase.kind === 'stopping' && runId === phase.live.runId)) return;
    set(turn, { stuck: { survivors, since: stuck?.since ?? at } });
    tell(turn, { kind: 'cannot-end', survivors });
  },
  'timer-fired': timerFired,
  'run-planned': runPlanned,
  'probes-reported': (turn, event) => {
    const { phase } = turn.state;
    if (phase.kind === 'starting' && phase.checking && phase.runId === event.runId) {
      return checkedBeforeStart(turn, event.reports);
    }
    if ('live' in phase && phase.live.runId === event.runId) judge(turn, event);
  },
  'work-done': (turn, event) => {
    const { phase } = turn.state;
    if (phase.kind !== 'running' || phase.live.runId !== event.runId) return;
    stopChild(turn, phase.live, 'done', 'its work is done (--done-pattern)');
  },
  'stop-requested': stopRequested,
  'restart-requested': restartRequested,
  'reset-requested': resetRequested,
  'signal-requested': (turn, event) => {
    const { phase } = turn.state;
    if (phase.kind !== 'running' && phase.kind !== 'stopping') return;
    order(turn, {
      type: 'signal-child',
      runId: phase.live.runId,
      signal: event.signal,
    });
  },
  'save-finished': saveFinished,
  'output-reported': (turn, event) => {
    set(turn, {
      outputBlockedSince: event.blockedSince,
      logDroppedBytes: event.droppedBytes,
    });
    judge(turn, { type: 'output-blocked', blocked: event.blockedSince !== null });
  },
};

function spawned(turn: Turn, event: Of<'child-spawned'>): void {
  const { phase, leaving, run } = turn.state;
  if (phase.kind !== 'starting' || phase.checking || phase.runId !== event.runId) return;
  const { runId, pid, startTicks } = event;
  const live: Live = {
    runId,
    pid,
    startTicks,
    since: event.at,
    healthy: false,
    healthyTimer: null,
    runtimeTimer: null,
    health: startHealth(turn.policy.health, event.at).state,
    tickTimer: null,
  };
  tell(turn, { kind: 'started', run, pid, ...(turn.state.resumedInRow > 0 ? { resumed: true as const } : {}) });
  set(turn, { everUp: true });
  if (leaving !== null) {
    stopChild(turn, live, 'stopped', 'stop was requested while it was starting');
    return leaving.now ? kill(turn, 'no grace period was requested') : undefined;
  }
  live.healthyTimer = arm(turn, turn.policy.healthyAfterMs);
  if (turn.policy.maxRuntimeMs !== null) live.runtimeTimer = arm(turn, turn.policy.maxRuntimeMs);
  beginHealth(turn, live);
}

function exited(turn: Turn, event: Of<'child-exited'>): void {
  const { phase } = turn.state;
  if (phase.kind === 'starting' && phase.runId === event.runId) return exitedTooSoon(turn, event.runId);
  if ((phase.kind !== 'running' && phase.kind !== 'stopping') || phase.live.runId !== event.runId) return;
  const live = phase.kind === 'running' ? healthyByNow(turn, phase.live) : phase.live;
  disarm(turn, live.healthyTimer);
  disarm(turn, live.runtimeTimer);
  disarm(turn, live.tickTimer);
  const { runId, pid, startTicks } = live;
  if (phase.kind === 'running') {
    endedByItself(turn, live, event.exit, event.reading ?? null);
    return clear(turn, { runId, pid, startTicks }, asked(turn, true));
  }
  disarm(turn, phase.graceTimer);
  const { ask, graceMs } = graceOfRest(turn, phase);
  const run = endOf(turn, live, event.exit);
  // Whatever it exits with once it was asked to: its work is done.
  const end =
    phase.cause === 'done' ? { ...phase, cause: 'success' as const, code: 0 } : { ...phase, cause: phase.cause };
  const waited = phase.cause === 'probe' && event.reading?.waited === true ? event.reading : null;
  const limit = phase.cause === 'limit' ? budgetOutcome(turn, live, phase.reasons) : limitOutcome(turn, waited);
  if (end.cause === 'success' && turn.policy.checksRuns && turn.state.leaving === null) beginCheck(turn, run, 0);
  else ended(turn, run, limit?.kind === 'limited' ? { ...end, cause: 'limited', limit } : end);
  clear(turn, { runId, pid, startTicks }, { signal: ask ? phase.signal : null, graceMs, drain: false });
}

/** Against the port's word; production must go on anyway: it is a failed start whose leftovers are ended. */
function exitedTooSoon(turn: Turn, runId: RunId): void {
  order(turn, { type: 'report-bug', what: 'a child exited before it was up' });
  startFailed(turn, { kind: 'other', why: 'it ended before it was seen to be up' });
  clear(turn, { runId, pid: null, startTicks: null }, asked(turn, true));
}

/** What a run left that nobody had asked to end: the stop signal and its whole grace. */
const asked = ({ policy }: Turn, drain: boolean) => ({
  signal: policy.stopSignal,
  graceMs: policy.stopTimeoutMs,
  drain,
});

function timerFired(turn: Turn, { timer }: Of<'timer-fired'>): void {
  const { phase, saveTimer } = turn.state;
  if (timer === saveTimer) return trySaveAgain(turn);
  if ((phase.kind === 'backoff' || phase.kind === 'cooldown') && phase.timer === timer) {
    return enter(turn, { ...phase, timer: null });
  }
  if (phase.kind === 'limited' && phase.timer === timer) return waitLimited(turn, phase);
  if (phase.kind === 'waiting' && phase.timer === timer) return planRun(turn, phase.due);
  if (phase.kind === 'stopping' && phase.graceTimer === timer) {
    if (phase.dumping) return endDump(turn, phase);
    return graceOver(turn, phase);
  }
  if (phase.kind !== 'running') return;
  if (phase.live.tickTimer === timer) return judge(turn, { type: 'tick' });
  if (phase.live.healthyTimer === timer) longUp(turn, phase.live);
  if (phase.live.runtimeTimer === timer) {
    stopChild(
      turn,
      { ...phase.live, runtimeTimer: null },
      'limit',
      `it ran longer than --max-runtime ${durationText(turn.policy.maxRuntimeMs ?? 0)}`,
    );
  }
}

/** Long enough up; with a probe that is not green yet, it gets healthy when that one does. */
function longUp(turn: Turn, live: Live): void {
  if (live.healthy) return void proveRecovery(turn, live);
  if (live.health.green) becameHealthy(turn, live);
  else enter(turn, { kind: 'running', live: { ...live, healthyTimer: null } });
}
