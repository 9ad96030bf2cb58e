import type { Incident } from './incident.ts';
import { detailsOf } from './triage/details.ts';

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
