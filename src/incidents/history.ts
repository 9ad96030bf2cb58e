import { fits } from '../core/shape.ts';
import { durationText, ordinalText } from '../core/units.ts';
import { zonedTime } from '../host/clock.ts';
import type { Incident } from './incident.ts';
import { detailsOf } from './triage/details.ts';

/** What earlier incidents with the same fingerprint say about this one. */
export interface History {
  /** Incidents before this one within the window, each counted with its repeats. */
  readonly count: number;
  readonly windowDays: number;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  /** What ended them, as far as it is known. */
  readonly ends: readonly End[];
}

/** How an earlier one ended: by whom, and after how long. */
interface End {
  readonly at: string;
  readonly by: 'recovery' | 'remedy' | 'nothing';
  readonly afterMs: number | null;
  /** The remedy's command, where one helped. */
  readonly command: string | null;
}

const dayMs = 86_400_000;

/** The history of a fingerprint at a time. `priors`: incidents of the same name, in any order; those later than `at` do not count. */
export const historyOf = (fingerprint: string, at: string, priors: readonly Incident[], windowDays = 90): History => {
  const since = Date.parse(at) - windowDays * dayMs;
  const same = priors
    .filter(prior => prior.fingerprint === fingerprint && prior.at < at && Date.parse(prior.at) >= since)
    .sort((one, other) => (one.at < other.at ? -1 : 1));
  return {
    count: same.reduce((sum, prior) => sum + 1 + prior.repeats, 0),
    windowDays,
    firstAt: same[0]?.at ?? null,
    lastAt: same.at(-1)?.at ?? null,
    ends: same.map(endOf),
  };
};

const endOf = (prior: Incident): End => {
  const helped = prior.remedy !== null && prior.remedy.exitCode === 0 && prior.recoveredAt !== null;
  return {
    at: prior.at,
    by: prior.recoveredAt === null ? 'nothing' : helped ? 'remedy' : 'recovery',
    afterMs: prior.recoveredAt === null ? null : Date.parse(prior.recoveredAt) - Date.parse(prior.at),
    command: helped ? (prior.remedy?.command ?? null) : null,
  };
};

/** The advice with what history adds to it: "Third time in 2 days; the last two ended by themselves after about 3m." */
export const adviseFrom = (recommendation: string, history: History, at: string): string => {
  const sentence = historySentence(history, at);
  return sentence === null ? recommendation : `${recommendation} ${sentence}`;
};

/** What is remarkable about the earlier ones, or null if there were none. */
const historySentence = (history: History, at: string): string | null => {
  if (history.count === 0 || history.firstAt === null) return null;
  const span = Date.parse(at) - Date.parse(history.firstAt);
  const ordinal = ordinalText(history.count + 1);
  const opening = `${ordinal.slice(0, 1).toUpperCase()}${ordinal.slice(1)} time in ${durationText(Math.max(span, 60_000))} (first ${zonedTime(history.firstAt)}).`;
  const ends = endsSentence(history.ends);
  return ends === null ? opening : `${opening} ${ends}`;
};

const endsSentence = (ends: readonly End[]): string | null => {
  const last = ends.slice(-3);
  if (last.length === 0) return null;
  const subject = last.length === 1 ? 'The last one' : `The last ${last.length}`;
  const [first] = last;
  if (last.every(end => end.by === 'nothing')) return `${subject} did not recover before the next.`;
  if (first?.by === 'remedy' && last.every(end => end.command === first.command))
    return `${subject} ended after the remedy \`${first.command}\`.`;
  const took = last.map(end => end.afterMs).filter(ms => ms !== null);
  if (took.length === last.length)
    return `${subject} recovered after a restart, within ${durationText(Math.max(...took))}.`;
  return `Of the last ${last.length}, ${took.length} recovered after a restart.`;
};

/** What is remembered of incidents that are kept no more: how many, and how often and when each failure was. */
export interface Evicted {
  version: 1;
  count: number;
  /** By fingerprint: `[day since 1970, how many, the first of that day, the last]`, oldest first; times in wall ms. */
  failures: Record<string, [day: number, count: number, firstAt: number, lastAt: number][]>;
}

const DAY_MS = 86_400_000;
const WINDOW_DAYS = 90;
/** Of so many failures, those seen last. */
const FAILURES_KEPT = 200;

export function nothingEvicted(): Evicted {
  return { version: 1, count: 0, failures: {} };
}

/** What a file parsed to, or nothing for anything else: it is a memory, not a record. */
export function readEvicted(value: unknown): Evicted {
  return fits(evictedShape, value) ? (value as Evicted) : nothingEvicted();
}

const evictedShape = {
  object: { version: { oneOf: [1] }, count: 'number', failures: { map: { list: { list: 'number' } } } },
} as const;

/** An incident goes: it is counted. */
export function drop(dropped: Evicted, { fingerprint, at, repeats }: Pick<Incident, 'fingerprint' | 'at' | 'repeats'>) {
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
export function withEvicted(history: History, dropped: Evicted, fingerprint: string, at: string): History {
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

function daysOf({ failures }: Evicted, fingerprint: string): Evicted['failures'][string] {
  return Object.hasOwn(failures, fingerprint) ? (failures[fingerprint] ?? []) : [];
}

/** Incidents of several names that came together: more likely one cause than several. */
export interface SharedEvent {
  readonly at: string;
  readonly names: readonly string[];
  readonly ids: readonly string[];
  /** What they have in common, in a phrase; null if it is only the time. */
  readonly what: string | null;
}

const withinMs = 60_000;

/** Groups of incidents, each within a minute of the one before, that concern at least two names. `incidents`: oldest first. */
export const sharedEvents = (incidents: readonly Incident[]): SharedEvent[] => {
  const groups: Incident[][] = [];
  for (const incident of incidents) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (group !== undefined && first !== undefined && Date.parse(incident.at) - Date.parse(first.at) <= withinMs)
      group.push(incident);
    else groups.push([incident]);
  }
  return groups
    .filter(group => new Set(group.map(incident => incident.name)).size > 1)
    .map(group => ({
      at: group[0]?.at ?? '',
      names: [...new Set(group.map(incident => incident.name))].sort(),
      ids: group.map(incident => incident.id),
      what: common(group),
    }));
};

const common = (group: readonly Incident[]): string | null => {
  const categories = new Set(group.map(incident => incident.category));
  const details = group.map(incident => detailsOf(incident.keyLine ?? '', incident.category));
  if (only(categories, 'disk-full')) return 'the disk';
  if (only(categories, 'out-of-memory', 'killed-externally') && categories.has('out-of-memory')) return 'the memory';
  if (only(categories, 'killed-externally'))
    return 'they were killed from outside: the machine going down, or a person';
  const host = shared(details.map(detail => detail.host));
  if (
    only(categories, 'network-unreachable', 'timeout', 'tls-failure', 'upstream-error', 'rate-limited', 'auth-failed')
  )
    return host === null ? 'the network' : `the other end, ${host}`;
  const module = shared(details.map(detail => detail.module));
  if (module !== null) return `a missing ${module}: the PATH or an installation that changed`;
  const path = shared(details.map(detail => detail.path));
  if (path !== null) return `the path ${path}`;
  const [category] = categories;
  return categories.size === 1 && category !== undefined && category !== 'unknown' ? `the category ${category}` : null;
};

const only = (found: ReadonlySet<Incident['category']>, ...allowed: readonly Incident['category'][]): boolean =>
  [...found].every(category => allowed.includes(category));

const shared = (values: readonly (string | null)[]): string | null => {
  const [first] = values;
  return first != null && values.every(value => value === first) ? first : null;
};
