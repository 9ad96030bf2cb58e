import type { History } from './history.ts';
import type { Incident } from './incident.ts';

/** What is remembered of incidents that are kept no more: how many, and how often and when each failure was. */
export interface Dropped {
  version: 1;
  count: number;
  /** By fingerprint: `[day since 1970, how many, the first of that day, the last]`, oldest first; times in wall ms. */
  failures: Record<string, [day: number, count: number, firstAt: number, lastAt: number][]>;
}

const DAY_MS = 86_400_000;
const WINDOW_DAYS = 90;
/** Of so many failures, those seen last. */
const FAILURES_KEPT = 200;

export function nothingDropped(): Dropped {
  return { version: 1, count: 0, failures: {} };
}

/** What a file parsed to, or nothing for anything else: it is a memory, not a record. */
export function readDropped(value: unknown): Dropped {
  const found = value as Partial<Dropped> | null;
  if (typeof found !== 'object' || found?.version !== 1 || typeof found.count !== 'number') return nothingDropped();
  const { failures } = found;
  if (typeof failures !== 'object' || failures === null) return nothingDropped();
  const whole = Object.values(failures).every(
    days => Array.isArray(days) && days.every(day => Array.isArray(day) && day.every(Number.isFinite)),
  );
  return whole ? (found as Dropped) : nothingDropped();
}

/** An incident goes: it is counted. */
export function drop(dropped: Dropped, { fingerprint, at, repeats }: Pick<Incident, 'fingerprint' | 'at' | 'repeats'>) {
  const wall = Date.parse(at);
  const day = Math.floor(wall / DAY_MS);
  dropped.count++;
  const { failures } = dropped;
  const days = daysOf(dropped, fingerprint).filter(([one]) => one > day - WINDOW_DAYS);
  const today = days.find(([one]) => one === day);
  if (today === undefined) days.push([day, 1 + repeats, wall, wall]);
  else {
    today[1] += 1 + repeats;
    today[3] = Math.max(today[3], wall);
  }
  failures[fingerprint] = days;
  const prints = Object.keys(failures);
  if (prints.length <= FAILURES_KEPT) return;
  const lastOf = (print: string) => failures[print]?.at(-1)?.[3] ?? 0;
  delete failures[prints.reduce((one, other) => (lastOf(other) < lastOf(one) ? other : one))];
}

/** The history with what is kept no more counted in. */
export function withDropped(history: History, dropped: Dropped, fingerprint: string, at: string): History {
  const since = Math.floor(Date.parse(at) / DAY_MS) - history.windowDays;
  const days = daysOf(dropped, fingerprint).filter(([day]) => day > since);
  const first = days[0];
  const last = days.at(-1);
  if (first === undefined || last === undefined) return history;
  const count = history.count + days.reduce((sum, [, one]) => sum + one, 0);
  // What went is older than all that is kept.
  const lastAt = history.lastAt ?? new Date(last[3]).toISOString();
  return { ...history, count, firstAt: new Date(first[2]).toISOString(), lastAt };
}

function daysOf({ failures }: Dropped, fingerprint: string): Dropped['failures'][string] {
  return Object.hasOwn(failures, fingerprint) ? (failures[fingerprint] ?? []) : [];
}
