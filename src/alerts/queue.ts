/** The alerts that wait for their receivers, as plain data. Few, and none is lost: too many are put together. Pure. */
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
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    // Never written, or broken.
    return null;
  }
  const { v, queue, cooldown } = fieldsOf(value);
  if (v !== 1) return null;
  const { slots, told } = fieldsOf(cooldown);
  return {
    queue: listOf(queue).filter(isEntry).slice(0, maxEntries),
    cooldown: { slots: listOf(slots).filter(isSlot), told: listOf(told).filter(isTold) },
  };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function isEntry(value: unknown): value is Entry {
  const { id, target, alert, refusals } = fieldsOf(value);
  return typeof id === 'string' && typeof target === 'string' && typeof refusals === 'number' && isAlert(alert);
}

// Every field that a format reads without looking.
function isAlert(value: unknown): value is Alert {
  const { version, event, name, host, at, title, text, tail, earlier, restarts } = fieldsOf(value);
  const isTextList = (list: unknown) => Array.isArray(list) && list.every(line => typeof line === 'string');
  return (
    version === 1 &&
    Object.hasOwn(headlines, String(event)) &&
    [event, name, host, at, title, text].every(part => typeof part === 'string') &&
    isTextList(tail) &&
    isTextList(earlier) &&
    typeof restarts === 'object'
  );
}

function isSlot(value: unknown): value is Cooldown['slots'][number] {
  const { key, since, folded, last } = fieldsOf(value);
  return (
    typeof key === 'string' && Number.isFinite(since) && Number.isFinite(folded) && (last === null || isAlert(last))
  );
}

function isTold(value: unknown): value is Cooldown['told'][number] {
  const { id, rank } = fieldsOf(value);
  return typeof id === 'string' && typeof rank === 'number';
}
