/** The alerts that wait for their receivers, as plain data. Few, and none is lost: too many are put together. Pure. */
import { fieldsOf, fits, parseShaped, type Shape } from '../core/shape.ts';
import type { Alert } from './alert.ts';
import type { Cooldown } from './cooldown.ts';
import { headlines } from './wording.ts';

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
