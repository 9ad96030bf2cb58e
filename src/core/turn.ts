import type { Clearing, Effect, Event, Mono, Phase, Policy, State, TimerId } from './model.ts';
import type { Note } from './notes.ts';

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
export function clear(turn: Turn, run: Omit<Clearing, 'since'>, ask: boolean, graceMs: number, drain: boolean): void {
  const clearing = { ...run, since: turn.event.at };
  set(turn, { clearing });
  order(turn, {
    type: 'clear-run',
    clearing,
    signal: ask ? turn.policy.stopSignal : null,
    graceMs,
    drain,
  });
}
