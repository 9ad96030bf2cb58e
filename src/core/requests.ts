import type { Event } from './events.ts';
import type { HealthRow, Reason } from './health-model.ts';
import { healthyByNow } from './health-step.ts';
import type { EndedRun, Live, Phase, Policy, StopCause, StopTo, Stuck, Survivor } from './model.ts';
import { ended } from './run-end.ts';
import { EXIT } from './signals.ts';
import { arm, clear, disarm, elapsed, enter, order, set, type Turn, tell } from './transition.ts';
import { durationText } from './units.ts';
import { limitOutcome, NO_TROUBLES, wait } from './waits.ts';

// How a run is ended. The stop signal goes to the main process first: a manager of workers (Celery, gunicorn, npm, a shell with a
// trap) ends its own, and would lose their work if they got the signal beside it. The rest is asked when the main process has
// ended, or at half of the grace; SIGKILL ends what is left.

/** The row in `health` that says that a run cannot be ended. */
export const CANNOT_END = 'stop';

type Stopping = Extract<Phase, { kind: 'stopping' }>;

/** Processes beside the main one get at least this long between their own signal and SIGKILL. */
export const REST_GRACE_MS = 2000;
/** After a SIGKILL that has not ended the child yet, it is sent again this often: the tree may have forked meanwhile. */
const KILL_AGAIN_MS = 1000;
/** How long a child may take to print its stacks after the dump signal. */
const DUMP_MS = 2000;

/** Without a grace period all are asked at the same time. */
const toOf = ({ stopTo, stopTimeoutMs }: Policy): StopTo => (stopTimeoutMs === 0 ? 'tree' : stopTo);

/** Asks a run to end. */
export function stopChild(turn: Turn, up: Live, cause: StopCause, why: string, reasons: readonly Reason[] = []): void {
  const live = healthyByNow(turn, up);
  const { policy, state, event } = turn;
  disarm(turn, live.healthyTimer);
  disarm(turn, live.runtimeTimer);
  disarm(turn, live.tickTimer);
  const signal = cause === 'stopped' ? (state.leaving?.signal ?? policy.stopSignal) : policy.stopSignal;
  const to = toOf(policy);
  const graceMs = policy.stopTimeoutMs;
  const { dumpSignal } = policy;
  const dumps = cause === 'probe' && dumpSignal !== null;
  const graceTimer = arm(turn, dumps ? DUMP_MS : firstStepMs(policy));
  enter(turn, {
    kind: 'stopping',
    live: { ...live, healthyTimer: null, runtimeTimer: null, tickTimer: null },
    cause,
    why,
    reasons,
    since: event.at,
    signal,
    graceTimer,
    restAskedAt: to === 'main' || dumps ? null : event.at.mono,
    killed: null,
    ...(dumps ? { dumping: true } : {}),
  });
  if (cause === 'probe') order(turn, { type: 'examine-run' });
  if (dumps) order(turn, { type: 'signal-child', runId: live.runId, signal: dumpSignal });
  else order(turn, { type: 'signal-tree', runId: live.runId, signal, to });
  tell(turn, { kind: 'stopping', cause, why, signal, graceMs });
}

/** How long until the rest is asked, or all are killed. */
const firstStepMs = (policy: Policy) => (toOf(policy) === 'main' ? policy.stopTimeoutMs / 2 : policy.stopTimeoutMs);

/** The child had its time to print its stacks: now it is asked to end, and its grace begins. */
export function endDump(turn: Turn, phase: Stopping): void {
  const { policy, event } = turn;
  const to = toOf(policy);
  const graceTimer = arm(turn, firstStepMs(policy));
  const restAskedAt = to === 'main' ? null : event.at.mono;
  enter(turn, { ...phase, since: event.at, graceTimer, restAskedAt, dumping: false });
  order(turn, { type: 'signal-tree', runId: phase.live.runId, signal: phase.signal, to });
}

/** A part of its grace is over: the rest is asked, then the main process is killed, then all. */
export function graceOver(turn: Turn, phase: Stopping): void {
  const { policy, event } = turn;
  const { live, signal, restAskedAt } = phase;
  if (restAskedAt === null) {
    order(turn, { type: 'signal-tree', runId: live.runId, signal, to: 'tree' });
    tell(turn, { kind: 'stopping-rest', signal, pid: live.pid });
    const graceTimer = arm(turn, Math.max(0, policy.stopTimeoutMs - elapsed(turn, phase.since.mono)));
    return enter(turn, { ...phase, graceTimer, restAskedAt: event.at.mono });
  }
  const leftMs = restLeftMs(turn, phase);
  const why = `it did not end within ${durationText(policy.stopTimeoutMs)}`;
  if (leftMs <= 0) return kill(turn, why);
  order(turn, { type: 'signal-tree', runId: live.runId, signal: 'SIGKILL', to: 'main' });
  if (phase.killed === null) tell(turn, { kind: 'killing', why });
  enter(turn, { ...phase, graceTimer: arm(turn, Math.min(KILL_AGAIN_MS, leftMs)), killed: phase.killed ?? 'main' });
}

/** The longest that a stop may take before SIGKILL has gone to every process. */
export function longestStopMs({ stopTo, stopTimeoutMs }: Pick<Policy, 'stopTo' | 'stopTimeoutMs'>): number {
  if (stopTo === 'tree' || stopTimeoutMs === 0) return stopTimeoutMs;
  return Math.max(stopTimeoutMs, stopTimeoutMs / 2 + REST_GRACE_MS);
}

/** One clause that names each process that does not end, and why. */
export function survivorsText(survivors: readonly Survivor[]): string {
  const shown = survivors.slice(0, SURVIVORS_SHOWN).map(({ pid, why }) => `pid ${pid} ${why}`);
  const more = survivors.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

const SURVIVORS_SHOWN = 3;

/** The row of `health` for what cannot be ended. */
export function stuckRow({ survivors, since }: Stuck, iso: (wall: number) => string): HealthRow {
  const detail = `cannot be ended: ${survivorsText(survivors)}`;
  return { name: CANNOT_END, ok: false, severity: 'critical', detail, since: iso(since.wall) };
}

/** What is left of the least grace of the rest, once it was asked. */
function restLeftMs(turn: Turn, { restAskedAt, killed }: Stopping): number {
  if (restAskedAt === null || killed === 'tree' || toOf(turn.policy) === 'tree') return 0;
  return REST_GRACE_MS - elapsed(turn, restAskedAt);
}

/** How much longer what the main process left may take, once that has ended; `ask`: it was not asked yet. */
export function graceOfRest(turn: Turn, phase: Stopping): { ask: boolean; graceMs: number } {
  if (phase.killed === 'tree') return { ask: false, graceMs: 0 };
  const leftMs = Math.max(0, turn.policy.stopTimeoutMs - elapsed(turn, phase.since.mono));
  if (phase.restAskedAt === null) return { ask: true, graceMs: Math.max(REST_GRACE_MS, leftMs) };
  return { ask: false, graceMs: Math.max(leftMs, restLeftMs(turn, phase)) };
}

/** SIGKILL to whatever of the run is still there. */
export function kill(turn: Turn, why: string): void {
  const { phase, clearing } = turn.state;
  const killAll = (runId: Live['runId']) => order(turn, { type: 'signal-tree', runId, signal: 'SIGKILL', to: 'tree' });
  if (clearing !== null) killAll(clearing.runId);
  if (phase.kind !== 'stopping') return;
  killAll(phase.live.runId);
  disarm(turn, phase.graceTimer);
  const graceTimer = arm(turn, KILL_AGAIN_MS);
  if (phase.killed === null) tell(turn, { kind: 'killing', why });
  enter(turn, {
    ...phase,
    graceTimer,
    restAskedAt: phase.restAskedAt ?? turn.event.at.mono,
    killed: 'tree',
    dumping: false,
  });
}

// Between the end of a run that looks like a success and the verdict on its output: what the run left is ended first, then its
// output is checked, then what the check left is ended. Nothing else starts meanwhile.

type Checking = Extract<Phase, { kind: 'checking' }>;

/** The verdict: only now the run counts, as a success or as a failure. */
export function runChecked(turn: Turn, { runId, rejection }: Extract<Event, { type: 'run-checked' }>): void {
  const { phase } = turn.state;
  if (phase.kind !== 'checking' || !phase.asked || phase.ended.runId !== runId) return;
  const { ended: run, code } = phase;
  if (rejection === null)
    ended(turn, run, { cause: 'success', why: null, reasons: [], ...(code === null ? {} : { code }) });
  else {
    const own = code === null ? {} : { code: EXIT.notWell };
    const why = `${rejection.by === 'accept' ? 'not accepted' : 'the judge says fail'}: ${rejection.reason}`;
    const same = rejection.same === undefined ? {} : { same: rejection.same };
    const reading = { cause: 'not-accepted', limit: null, line: rejection.reason, success: false, why, ...same };
    const limit = limitOutcome(turn, reading);
    ended(turn, run, { cause: 'crash', why, reasons: [], reading, limit, rejection, ...own });
  }
  clearCheck(turn, run);
}

/** A person wants something else than the verdict. */
function endCheck(turn: Turn, { ended: run, asked }: Checking, cause: 'stopped' | 'restarted'): void {
  if (asked) order(turn, { type: 'end-check', runId: run.runId });
  ended(turn, run, { cause, why: null, reasons: [] });
  if (asked) clearCheck(turn, run);
}

/** Its processes bear the mark of the run that they check. */
function clearCheck(turn: Turn, { runId }: EndedRun): void {
  const { stopSignal: signal, stopTimeoutMs: graceMs } = turn.policy;
  clear(turn, { runId, pid: null, startTicks: null }, { signal, graceMs, drain: false });
}

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

/** A second signal counts only this long after the stop began: terminals and service managers send signals in bursts. */
const SECOND_SIGNAL_MS = 1000;

export function stopRequested(turn: Turn, event: Of<'stop-requested'>): void {
  const { phase, leaving } = turn.state;
  if (leaving !== null) {
    const isLater = elapsed(turn, leaving.since.mono) >= SECOND_SIGNAL_MS;
    if (turn.state.stuck !== null && isLater && (event.signal !== null || event.now)) return leaveBehind(turn);
    if (!event.now && !(event.signal === 'SIGINT' && isLater)) return;
    if (!leaving.now) set(turn, { leaving: { ...leaving, now: true } });
    return kill(turn, event.now ? 'stop --now was requested' : 'a second interrupt was received');
  }
  const signal = event.signal === 'SIGINT' && !turn.policy.stopSignalGiven ? 'SIGINT' : turn.policy.stopSignal;
  const byPerson = event.by === 'command' || event.signal === 'SIGINT';
  set(turn, { leaving: { code: 0, since: event.at, signal, now: event.now, byPerson } });
  if (byPerson) set(turn, NO_TROUBLES);
  if (phase.kind === 'running') {
    stopChild(
      turn,
      phase.live,
      'stopped',
      event.signal === null ? 'stop was requested' : `${event.signal} was received`,
    );
  } else if (phase.kind === 'backoff' || phase.kind === 'cooldown') {
    disarm(turn, phase.timer);
    enter(turn, { kind: 'stopped' });
  } else if (phase.kind === 'limited' || phase.kind === 'waiting') {
    disarm(turn, phase.timer);
    // systemd or a reboot ends the watcher, not the limit, nor the run that falls due meanwhile: the next watcher waits on.
    enter(turn, byPerson ? { kind: 'stopped' } : { ...phase, timer: null });
  } else if (phase.kind === 'starting' && phase.checking) {
    enter(turn, { kind: 'stopped' });
  } else if (phase.kind === 'checking') endCheck(turn, phase, 'stopped');
  if (phase.kind !== 'running') tell(turn, { kind: 'stopped' });
  if (event.now) kill(turn, 'stop --now was requested');
}

/** What cannot be ended must not keep us for ever. The next watcher of this name finds it, and starts nothing beside it. */
function leaveBehind(turn: Turn): void {
  tell(turn, { kind: 'left-behind', survivors: turn.state.stuck?.survivors ?? [] });
  order(turn, { type: 'exit-watcher', code: EXIT.usage });
}

export function restartRequested(turn: Turn, _event: Of<'restart-requested'>): void {
  const { phase, leaving } = turn.state;
  if (leaving !== null) return;
  if (phase.kind === 'running') return stopChild(turn, phase.live, 'restarted', 'restart was requested');
  if (phase.kind === 'checking') return endCheck(turn, phase, 'restarted');
  // It is being ended already: the start is what was asked for.
  if (phase.kind === 'stopping' && phase.cause !== 'restarted') return set(turn, { askedStart: true });
  if (phase.kind === 'backoff' || phase.kind === 'waiting' || phase.kind === 'limited') {
    disarm(turn, phase.timer);
    set(turn, { askedStart: true, resumeNext: false });
    return wait(turn, 'backoff', 0);
  }
  if (phase.kind === 'cooldown' || phase.kind === 'held')
    tell(turn, { kind: 'refused', what: 'restart', phase: phase.kind });
}

export function resetRequested(turn: Turn, _event: Of<'reset-requested'>): void {
  const { phase, leaving } = turn.state;
  set(turn, { ...NO_TROUBLES, toldFloor: false });
  tell(turn, { kind: 'reset' });
  if (phase.kind === 'held') {
    order(turn, { type: 'lift-hold' });
    tell(turn, { kind: 'hold-lifted', hold: phase.hold });
    if (leaving !== null) return enter(turn, { kind: 'stopped' });
  } else if (phase.kind === 'backoff' || phase.kind === 'cooldown' || phase.kind === 'limited') {
    disarm(turn, phase.timer);
  } else return;
  set(turn, { askedStart: true });
  wait(turn, 'backoff', 0);
}

/** Why a restart cannot be granted in this phase; null if it can. */
export function whyNoRestart(phase: Phase): string | null {
  if (phase.kind === 'held') return `it is held (${phase.hold.why}); reset clears the hold`;
  if (phase.kind === 'cooldown') return 'restart is refused during a cooldown; reset ends it and starts at once';
  return null;
}
