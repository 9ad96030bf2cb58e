/**
 * How a run is ended. The stop signal goes to the main process first: a manager of workers (Celery, gunicorn, npm, a shell with a
 * trap) ends its own, and would lose their work if they got the signal beside it. The rest is asked when the main process has
 * ended, or at half of the grace; SIGKILL ends what is left.
 */

import type { Reason } from './health-model.ts';
import type { HealthRow } from './health-rows.ts';
import { healthyByNow } from './health-step.ts';
import type { Live, Phase, Policy, StopCause, StopTo, Stuck, Survivor } from './model.ts';
import { durationText } from './text/units.ts';
import { arm, disarm, elapsed, enter, order, type Turn, tell } from './transition.ts';

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
