import type { Effect, Event, IncidentKind, IncidentSeed, Leftover, Note } from './events.ts';
import type { Reason } from './health-model.ts';
import type { ClearOrder, ExitCause, Phase, Policy, State, TimerId } from './model.ts';
import type { Mono } from './units.ts';

/** One event on its way through the machine: the state as it becomes, and the orders so far. Never leaves core. */
export interface Turn {
  readonly policy: Policy;
  readonly event: Event;
  state: State;
  readonly effects: Effect[];
  /** Whether this turn changed what must be on disk. */
  save: boolean;
}

export function order(turn: Turn, effect: Effect): void {
  turn.effects.push(effect);
}

export function tell(turn: Turn, note: Note): void {
  turn.effects.push({ type: 'tell', note });
}

/** Changes the state; what changes is to be saved. */
export function set(turn: Turn, change: Partial<State>): void {
  turn.state = { ...turn.state, ...change };
  turn.save = true;
}

export function enter(turn: Turn, phase: Phase): void {
  set(turn, { phase });
}

/** Arms a timer under a new id; the ids of old armings are stale from then on. */
export function arm(turn: Turn, delayMs: number): TimerId {
  const timer = turn.state.nextTimer;
  turn.state = { ...turn.state, nextTimer: (timer + 1) as TimerId };
  order(turn, { type: 'arm-timer', timer, delayMs });
  return timer;
}

export function disarm(turn: Turn, timer: TimerId | null): void {
  if (timer !== null) order(turn, { type: 'disarm-timer', timer });
}

/** Milliseconds since then, never below zero: a restored time may lie ahead of a clock that was set back. */
export function elapsed(turn: Turn, since: Mono): number {
  return Math.max(0, turn.event.at.mono - since);
}

/** Orders what a run left to be ended; nothing starts before it is reported cleared. */
export function clear(turn: Turn, run: Leftover, how: Omit<ClearOrder, 'clearing' | 'to'>): void {
  const { runId, pid, startTicks } = run;
  const clearing = { runId, pid, startTicks, since: turn.event.at };
  set(turn, { clearing });
  order(turn, { type: 'clear-run', clearing, to: turn.policy.stopTo, ...how });
}

/** A failed save is tried again after this time. */
const SAVE_RETRY_MS = 5000;

/**
 * A first failure is said and tried again until a save succeeds, which is said too. Neither is itself a reason to save.
 */
export function saveFinished(turn: Turn, event: Extract<Event, { type: 'save-finished' }>): void {
  const { saveTimer } = turn.state;
  if (event.ok && saveTimer !== null) {
    disarm(turn, saveTimer);
    turn.state = { ...turn.state, saveTimer: null };
    tell(turn, { kind: 'save-recovered' });
  } else if (!event.ok && saveTimer === null) {
    tell(turn, { kind: 'save-failed', why: event.why ?? 'for no known reason' });
    armRetry(turn);
  }
}

/** Saves again, and is armed until that is known to have succeeded: a failure that goes on is no news. */
export function trySaveAgain(turn: Turn): void {
  armRetry(turn);
  turn.save = true;
}

function armRetry(turn: Turn): void {
  const saveTimer = arm(turn, SAVE_RETRY_MS);
  turn.state = { ...turn.state, saveTimer };
}

/** Opens an incident: it stays open until a run is healthy. */
export function openIncident(turn: Turn, incident: IncidentSeed): void {
  set(turn, { incident: { at: incident.at.wall, open: true, limited: incident.kind === 'limited' } });
  order(turn, { type: 'open-incident', incident });
}

/**
 * What kind of incident an end is; null if it is none. A success is one only where it made a flap or a slow loop; an end
 * that a person asked for never is.
 */
export function incidentKind(
  turn: Turn,
  cause: ExitCause,
  reasons: readonly Reason[],
  loops: boolean,
): IncidentKind | null {
  if (cause === 'stopped' || cause === 'restarted') return null;
  if (cause === 'success') return loops ? 'exit' : null;
  if (cause === 'limit' || cause === 'kill-condition') return 'limit';
  if (cause === 'probe') return reasons.every(reason => isTimed(turn, reason.name)) ? 'stalled' : 'unhealthy';
  return cause;
}

function isTimed(turn: Turn, name: string): boolean {
  return turn.policy.health.probes.find(probe => probe.name === name)?.way === 'timed';
}
