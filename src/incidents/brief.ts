import { CANNOT_END } from '../core/requests.ts';
import { isFailed, limitWords, type Status } from '../core/status.ts';
import { exitText, sizeText } from '../core/units.ts';
import { type SharedEvent, sharedEvents } from './history.ts';
import type { Incident } from './incident.ts';

/** Something that grew in each of several runs, in one line. */
export interface Trend {
  readonly name: string;
  readonly text: string;
}

/** How many runs in a row must show it, of how many samples each. */
const LEAST_RUNS = 3;
const LEAST_SAMPLES = 3;
/** By how much a run must have grown, so that warming up is no trend. */
const LEAST_GROWTH = 1.5;

/** Memory that grew in each of the last runs of a service, however often it was restarted. `incidents`: oldest first. */
const trendsOf = (incidents: readonly Incident[]): Trend[] =>
  [...Map.groupBy(incidents, incident => incident.name)].flatMap(([name, own]) => {
    const rates = own.map(bytesPerSecond);
    const since = rates.lastIndexOf(null) + 1;
    const growing = rates.slice(since).filter(rate => rate !== null);
    if (growing.length < LEAST_RUNS) return [];
    const middle = growing.sort((one, other) => one - other)[growing.length >> 1] ?? 0;
    return [{ name, text: `memory ${rateText(middle)} in each of ${growing.length} runs: a leak` }];
  });

/** How fast the memory of a run grew; null if it did not, or not steadily. */
const bytesPerSecond = ({ memory }: Incident): number | null => {
  const [first, last] = [memory[0], memory.at(-1)];
  if (first === undefined || last === undefined || memory.length < LEAST_SAMPLES) return null;
  const seconds = (Date.parse(last.at) - Date.parse(first.at)) / 1000;
  const half = memory[memory.length >> 1]?.bytes ?? 0;
  const steady = first.bytes < half && half < last.bytes && last.bytes > LEAST_GROWTH * first.bytes;
  return seconds > 0 && steady ? (last.bytes - first.bytes) / seconds : null;
};

const rateText = (bytes: number): string =>
  bytes >= 1024 * 1024 ? `+${sizeText(bytes)}/s` : `+${sizeText(bytes * 60)}/min`;

/** The summary of a period. Times RFC 3339, durations ms. */
export interface Brief {
  readonly since: string;
  readonly until: string;
  readonly names: readonly NameBrief[];
  /** The failures of the time, the most frequent first. */
  readonly failures: readonly FailureBrief[];
  /** Runs that ended with success and were not like the former ones, oldest first. */
  readonly unusual: readonly UnusualRun[];
  /** What grows over several runs. */
  readonly trends: readonly Trend[];
  /** Incidents of several names within a minute. */
  readonly shared: readonly SharedEvent[];
  /** What waits for a person, the worst first. */
  readonly needsPerson: readonly Need[];
}

/** A run that was not like the former ones, each reason in a sentence. */
export interface UnusualRun {
  readonly name: string;
  readonly run: number;
  readonly at: string | null;
  readonly reasons: readonly string[];
}

interface NameBrief {
  readonly name: string;
  readonly phase: Status['phase'];
  /** It needs nobody, and its last incident of the time has recovered. */
  readonly well: boolean;
  /** Incidents, their repeats included. */
  readonly incidents: number;
  /** Incidents after which it was healthy again. */
  readonly heals: number;
  /** From an incident to its recovery (or now), overlaps counted once. */
  readonly downMs: number;
}

interface FailureBrief {
  readonly fingerprint: string;
  readonly name: string;
  readonly category: Incident['category'];
  readonly keyLine: string | null;
  readonly count: number;
  readonly lastAt: string;
  readonly lastId: string;
  /** Of the last of them; null: ongoing, or not known. */
  readonly recoveredAt: string | null;
  readonly recommendation: string;
}

interface Need {
  readonly name: string;
  /** critical: down, and stays down by itself; warning: in trouble, and still tried. */
  readonly severity: 'critical' | 'warning';
  readonly why: string;
  /** What to type. */
  readonly next: string;
}

export interface BriefInput {
  /** All kept incidents, in any order. */
  readonly incidents: readonly Incident[];
  readonly states: readonly Status[];
  /** Of the time since then. */
  readonly unusual?: readonly UnusualRun[];
  readonly sinceMs: number;
  /** Now, wall ms. */
  readonly nowMs: number;
}

/** The summary of a night: pure, from what is on disk. */
export const brief = ({ incidents, states, unusual = [], sinceMs, nowMs }: BriefInput): Brief => {
  const from = nowMs - sinceMs;
  const recent = incidents
    // One that began before and was still open then belongs to this night too.
    .filter(incident => endOf(incident, nowMs) >= from && Date.parse(incident.at) <= nowMs)
    .sort((one, other) => (one.at < other.at ? -1 : 1));
  // By name at once: of a hundred services each would be looked for among all others.
  const ownOf = Map.groupBy(recent, incident => incident.name);
  const stateOf = new Map(states.toReversed().map(state => [state.name, state]));
  const needsPerson = [...states]
    .sort(byUrgency)
    .flatMap(state => needOf(state, ownOf.get(state.name)?.at(-1)))
    .sort(bySeverity);
  const open = new Set(needsPerson.map(need => need.name));
  const names = [...new Set([...stateOf.keys(), ...ownOf.keys()])].sort();
  return {
    since: new Date(from).toISOString(),
    until: new Date(nowMs).toISOString(),
    names: names.map(name => {
      const [own, state] = [ownOf.get(name) ?? [], stateOf.get(name)];
      return { ...nameBrief(name, own, state, from, nowMs), well: !open.has(name) && isOver(own.at(-1), state) };
    }),
    failures: failuresOf(recent.filter(incident => Date.parse(incident.at) >= from)),
    shared: sharedEvents(recent.filter(incident => Date.parse(incident.at) >= from)),
    unusual,
    trends: trendsOf(recent),
    needsPerson,
  };
};

const endOf = (incident: Incident, nowMs: number): number =>
  incident.recoveredAt === null
    ? superseded(incident)
      ? Date.parse(incident.at)
      : nowMs
    : Date.parse(incident.recoveredAt);

/** Of a run that is up and not healthy yet, nobody knows whether it is cured of the incident before it. */
const isOver = (last: Incident | undefined, state: Status | undefined): boolean => {
  if (state?.phase !== 'starting' && state?.phase !== 'running') return true;
  return last === undefined || last.recoveredAt !== null || superseded(last);
};

/** It ended for good: nothing is down because of it. */
const superseded = (incident: Incident): boolean => incident.kind === 'exit' || incident.kind === 'orphan';

const nameBrief = (
  name: string,
  own: readonly Incident[],
  state: Status | undefined,
  from: number,
  nowMs: number,
): Omit<NameBrief, 'well'> => {
  const inTime = own.filter(incident => Date.parse(incident.at) >= from);
  return {
    name,
    phase: state?.phase ?? 'stopped',
    incidents: inTime.reduce((sum, incident) => sum + 1 + incident.repeats, 0),
    heals: inTime.filter(incident => incident.recoveredAt !== null).length,
    downMs: downtime(own, from, nowMs, state),
  };
};

/** The union of the spans from incident to recovery; an open one ends now, unless the name runs well or was stopped. */
const downtime = (own: readonly Incident[], from: number, nowMs: number, state: Status | undefined): number => {
  const well =
    state?.phase === 'healthy' ||
    state?.phase === 'running' ||
    state?.phase === 'stopped' ||
    state?.phase === 'finished';
  let total = 0;
  let reached = from;
  for (const [index, incident] of own.entries()) {
    const next = own[index + 1];
    const open = incident.recoveredAt === null;
    const openEnd = next !== undefined ? Date.parse(next.at) : well ? startOf(state, incident, nowMs) : nowMs;
    const end = Math.min(nowMs, open ? openEnd : Date.parse(incident.recoveredAt ?? incident.at));
    const start = Math.max(reached, Date.parse(incident.at));
    if (end > start) {
      total += end - start;
      reached = end;
    }
  }
  return total;
};

const startOf = (state: Status | undefined, incident: Incident, nowMs: number): number => {
  const started = state?.startedAt == null ? Number.NaN : Date.parse(state.startedAt);
  return Number.isNaN(started) ? Math.min(nowMs, Date.parse(incident.at)) : Math.max(started, Date.parse(incident.at));
};

const failuresOf = (incidents: readonly Incident[]): FailureBrief[] => {
  const groups = Map.groupBy(incidents, incident => `${incident.name} ${incident.fingerprint}`);
  return [...groups.values()]
    .map(group => {
      const last = group.at(-1) as Incident;
      return {
        fingerprint: last.fingerprint,
        name: last.name,
        category: last.category,
        keyLine: last.keyLine,
        count: group.reduce((sum, incident) => sum + 1 + incident.repeats, 0),
        lastAt: last.at,
        lastId: last.id,
        recoveredAt: last.recoveredAt,
        recommendation: last.recommendation,
      };
    })
    .sort((one, other) => other.count - one.count || (one.lastAt < other.lastAt ? 1 : -1));
};

/** A restart does not cure these: somebody has to change something. */
const personal: ReadonlySet<Incident['category']> = new Set([
  'disk-full',
  'missing-dependency',
  'missing-file',
  'permission-denied',
  'bad-config',
  'auth-failed',
  'corrupt-state',
]);

/** Services that wait for a decision come first, then those without a watcher, then those that may still recover by themselves. */
const URGENCY: readonly Status['phase'][] = ['held', 'lost', 'limited', 'unhealthy', 'cooldown', 'backoff'];

const byUrgency = (one: Status, other: Status): number => {
  const rank = ({ phase }: Status) => (URGENCY.includes(phase) ? URGENCY.indexOf(phase) : URGENCY.length);
  return rank(one) - rank(other) || (one.name < other.name ? -1 : 1);
};

/** Stable: among equals the order of urgency stays. */
const bySeverity = (one: Need, other: Need): number =>
  one.severity === other.severity ? 0 : one.severity === 'critical' ? -1 : 1;

/** `last`: its latest incident of the time. */
const needOf = (state: Status, last: Incident | undefined): Need[] => {
  const { name, phase } = state;
  const show = last === undefined ? `agent-watch status ${name}` : `agent-watch incidents show ${name}`;
  const need = (severity: Need['severity'], why: string, next: string): Need[] => [{ name, severity, why, next }];
  if (phase === 'held')
    return need('critical', `held: ${state.holdReason ?? 'no reason recorded'}`, `agent-watch reset ${name}`);
  if (phase === 'lost') return need('critical', 'unsupervised: the watcher died', `agent-watch start ${name}`);
  const { limit } = state;
  if (phase === 'limited' && (limit == null || limit.until === null))
    return need(
      'critical',
      `limited (${limit == null ? 'no reason recorded' : limitWords(limit.cause)}), without a known end`,
      show,
    );
  if (phase === 'limited' && limit?.cause === 'budget')
    return need('critical', `limited (${limitWords(limit.cause)})`, show);
  const stuck = state.health.find(row => row.name === CANNOT_END && row.ok === false);
  if (stuck !== undefined) return need('critical', stuck.detail, `agent-watch status ${name}`);
  if (isFailed(state)) {
    const how = state.lastExit === null ? 'it could not be started' : exitText(state.lastExit);
    const cause = last === undefined || last.category === 'unknown' ? '' : `: ${last.category}`;
    return need('critical', `finished with a failure (${how})${cause}`, show);
  }
  if (phase !== 'unhealthy' && phase !== 'backoff' && phase !== 'cooldown') return [];
  if (last === undefined) return need('warning', phase, show);
  if (personal.has(last.category))
    return need('critical', `${phase}: ${last.category}; a restart does not cure it`, show);
  return need('warning', `${phase}: ${last.category}`, show);
};
