/**
 * Who is told how often: of each cause the first event at once, then, when the cooldown is over, one summary with how many
 * there were meanwhile. Pure; times are milliseconds of any one clock.
 */
import type { Alert, AlertEvent, AlertKind } from './alert.ts';

/** One cause that was told. */
interface Slot {
  readonly key: string;
  /** When it was told last. */
  readonly since: number;
  /** How many came since, and the last of them. */
  readonly folded: number;
  readonly last: Alert | null;
}

export interface Cooldown {
  readonly slots: readonly Slot[];
  /** Incidents that were told, and how grave the word was. */
  readonly told: readonly { readonly id: string; readonly rank: number }[];
}

export const calm: Cooldown = { slots: [], told: [] };

/** A summary that is due. */
export interface Summary {
  readonly last: Alert;
  readonly count: number;
  readonly spanMs: number;
}

const maxSlots = 50;
const maxTold = 50;
// What says more about one incident may follow; what says less, or the same in other words, may not.
const rank: Readonly<Record<AlertKind, number>> = {
  start: 0,
  stop: 0,
  unusual: 0,
  recovered: 0,
  crash: 1,
  unhealthy: 1,
  limited: 2,
  flap: 2,
  'slow-loop': 2,
  hold: 3,
};

type Fact = Pick<AlertEvent, 'event' | 'cause' | 'incidentId'>;

/** What is to be done with an event: `send` it now, `fold` it into the next summary, or `drop` it since it was told already. */
export function judge(state: Cooldown, fact: Fact, now: number, cooldownMs: number): 'send' | 'fold' | 'drop' {
  const told = state.told.find(one => one.id === fact.incidentId);
  if (told !== undefined && rank[fact.event] > 0 && rank[fact.event] <= told.rank) return 'drop';
  const slot = state.slots.find(one => one.key === keyOf(fact));
  if (slot === undefined) return 'send';
  return slot.folded > 0 || now - slot.since < cooldownMs ? 'fold' : 'send';
}

/** After an event was sent. */
export function sent(state: Cooldown, fact: Fact, now: number): Cooldown {
  const key = keyOf(fact);
  const slots = [...state.slots.filter(slot => slot.key !== key), { key, since: now, folded: 0, last: null }];
  const { incidentId: id } = fact;
  if (id === null || rank[fact.event] === 0) return { ...state, slots: slots.slice(-maxSlots) };
  const told = [...state.told.filter(one => one.id !== id), { id, rank: rank[fact.event] }];
  return { slots: slots.slice(-maxSlots), told: told.slice(-maxTold) };
}

/** After an event was folded; `alert` is what a summary would say of it. */
export function folded(state: Cooldown, fact: Fact, alert: Alert): Cooldown {
  const key = keyOf(fact);
  const slots = state.slots.map(slot => (slot.key === key ? { ...slot, folded: slot.folded + 1, last: alert } : slot));
  return { ...state, slots };
}

/** The summaries that are due now, and the state after they were told: their cooldown begins anew. */
export function due(state: Cooldown, now: number, cooldownMs: number): { state: Cooldown; summaries: Summary[] } {
  const summaries: Summary[] = [];
  const slots: Slot[] = [];
  for (const slot of state.slots) {
    if (now - slot.since < cooldownMs) slots.push(slot);
    else if (slot.folded > 0 && slot.last !== null) {
      summaries.push({ last: slot.last, count: slot.folded, spanMs: now - slot.since });
      slots.push({ ...slot, since: now, folded: 0, last: null });
    }
  }
  return { state: { ...state, slots }, summaries };
}

/** When the next summary is due; null if none is waiting. */
export function nextDue(state: Cooldown, cooldownMs: number): number | null {
  const times = state.slots.filter(slot => slot.folded > 0).map(slot => slot.since + cooldownMs);
  return times.length === 0 ? null : Math.min(...times);
}

/**
 * The state on another clock that reads `shiftMs` more: so it goes into a file as wall times and comes back as monotonic
 * ones. Nothing lies in the future then: a clock that was set back lengthens no cooldown beyond one.
 */
export function shifted(state: Cooldown, shiftMs: number, now: number): Cooldown {
  return { ...state, slots: state.slots.map(slot => ({ ...slot, since: Math.min(slot.since + shiftMs, now) })) };
}

const keyOf = ({ event, cause }: Fact): string => (cause === null ? event : `${event}:${cause.slice(0, 200)}`);
