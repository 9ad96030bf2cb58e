/**
 * Who is told how often: of each cause the first event at once, then, when the cooldown is over, one summary with how many
 * there were meanwhile. Pure; times are milliseconds of any one clock.
 */

import { fieldsOf, fits, parseShaped, type Shape } from '../core/shape.ts';
import { type Alert, type AlertEvent, type AlertKind, headlines } from './alert.ts';

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
  // Who was told that it is over has to be told that it is not.
  if (fact.event === 'recovered')
    return { slots: slots.slice(-maxSlots), told: state.told.filter(one => one.id !== id) };
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

// The alerts that wait for their receivers, as plain data. Few, and none is lost: too many are put together. Pure.

/** One alert for one receiver. */
export interface Entry {
  /** Of the entry: an alert to two receivers has two. */
  readonly id: string;
  /** The target's key. */
  readonly target: string;
  readonly alert: Alert;
  /** How often the receiver has said that it cannot make sense of it. */
  readonly refusals: number;
}

/** Oldest first. */
export type Queue = readonly Entry[];

const maxEntries = 20;
const maxEarlier = 60;

/** With an entry more. Above the bound, the two oldest of the receiver that waits longest become one; `busy` are being sent. */
export function enqueued(queue: Queue, entry: Entry, busy: ReadonlySet<string>): Queue {
  let all: Queue = [...queue, entry];
  while (all.length > maxEntries) {
    const merged = merge(all, busy);
    if (merged === null) break;
    all = merged;
  }
  return all;
}

function merge(queue: Queue, busy: ReadonlySet<string>): Queue | null {
  const free = queue.filter(entry => !busy.has(entry.id));
  const crowds = Map.groupBy(free, entry => entry.target);
  const [first, second] = [...crowds.values()].reduce((most, crowd) => (crowd.length > most.length ? crowd : most), []);
  if (first === undefined || second === undefined) return null;
  const told = [...first.alert.earlier, `${first.alert.at} ${first.alert.text}`, ...second.alert.earlier];
  const alert = { ...second.alert, earlier: told.slice(-maxEarlier) };
  return queue.filter(entry => entry !== first).map(entry => (entry === second ? { ...second, alert } : entry));
}

/** The entry that a receiver gets next. */
export const nextFor = (queue: Queue, target: string): Entry | undefined =>
  queue.find(entry => entry.target === target);

/** Without an entry. */
export const without = (queue: Queue, id: string): Queue => queue.filter(entry => entry.id !== id);

/** With an entry refused once more. */
export const refused = (queue: Queue, id: string): Queue =>
  queue.map(entry => (entry.id === id ? { ...entry, refusals: entry.refusals + 1 } : entry));

/** What lies on disk: the queue, and the cooldown with wall times. */
export interface Kept {
  readonly queue: Queue;
  readonly cooldown: Cooldown;
}

export const keptToText = (kept: Kept): string => JSON.stringify({ v: 1, ...kept });

/** Read back, entry by entry; null for what is none. The file is ours, but it may be old, cut or edited. */
export function keptFromText(text: string | null): Kept | null {
  const kept = parseShaped({ object: { v: { oneOf: [1] } } }, text);
  if (kept === null) return null;
  const { queue, cooldown } = fieldsOf(kept);
  const { slots, told } = fieldsOf(cooldown);
  return {
    queue: listOf(queue).filter(isEntry).slice(0, maxEntries),
    cooldown: { slots: listOf(slots).filter(isSlot), told: listOf(told).filter(one => fits(toldShape, one)) },
  };
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Every field that a format reads without looking. */
const alertShape = {
  object: {
    version: { oneOf: [1] },
    event: { oneOf: Object.keys(headlines) },
    name: 'string',
    host: 'string',
    at: 'string',
    title: 'string',
    text: 'string',
    tail: { list: 'string' },
    earlier: { list: 'string' },
    restarts: { object: {} },
  },
} as const satisfies Shape;
const entryShape = { object: { id: 'string', target: 'string', refusals: 'number', alert: alertShape } } as const;
const slotShape = {
  object: { key: 'string', since: 'number', folded: 'number', last: { nullable: alertShape } },
} as const;
const toldShape = { object: { id: 'string', rank: 'number' } } as const;

const isEntry = (value: unknown): value is Entry => fits(entryShape, value);
const isSlot = (value: unknown): value is Cooldown['slots'][number] => fits(slotShape, value);
