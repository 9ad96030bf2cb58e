import type { Status } from '../core/status.ts';
import { stripControl } from '../core/text/escape.ts';
import { durationText, momentText, timesText } from '../core/text/units.ts';
import type { Incident } from './incident.ts';
import { type SharedEvent, sharedEvents } from './shared-event.ts';

/** What happened while nobody looked. Times RFC 3339, durations ms. */
export interface Brief {
  readonly since: string;
  readonly until: string;
  readonly names: readonly NameBrief[];
  /** The failures of the time, the most frequent first. */
  readonly failures: readonly FailureBrief[];
  /** Incidents of several names within a minute. */
  readonly shared: readonly SharedEvent[];
  /** What waits for a person, the worst first. */
  readonly needsPerson: readonly Need[];
}

interface NameBrief {
  readonly name: string;
  readonly phase: Status['phase'];
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
  readonly recommendation: string;
}

interface Need {
  readonly name: string;
  readonly why: string;
  /** What to type. */
  readonly next: string;
}

export interface BriefInput {
  /** All kept incidents, in any order. */
  readonly incidents: readonly Incident[];
  readonly states: readonly Status[];
  readonly sinceMs: number;
  /** Now, wall ms. */
  readonly nowMs: number;
}

/** The summary of a night: pure, from what is on disk. */
export const brief = ({ incidents, states, sinceMs, nowMs }: BriefInput): Brief => {
  const from = nowMs - sinceMs;
  const recent = incidents
    // One that began before and was still open then belongs to this night too.
    .filter(incident => endOf(incident, nowMs) >= from && Date.parse(incident.at) <= nowMs)
    .sort((one, other) => (one.at < other.at ? -1 : 1));
  const names = [...new Set([...states.map(state => state.name), ...recent.map(incident => incident.name)])].sort();
  return {
    since: new Date(from).toISOString(),
    until: new Date(nowMs).toISOString(),
    names: names.map(name => nameBrief(name, recent, states, from, nowMs)),
    failures: failuresOf(recent.filter(incident => Date.parse(incident.at) >= from)),
    shared: sharedEvents(recent.filter(incident => Date.parse(incident.at) >= from)),
    needsPerson: states.flatMap(state => needOf(state, recent)),
  };
};

const endOf = (incident: Incident, nowMs: number): number =>
  incident.recoveredAt === null
    ? superseded(incident)
      ? Date.parse(incident.at)
      : nowMs
    : Date.parse(incident.recoveredAt);

/** It ended for good: nothing is down because of it. */
const superseded = (incident: Incident): boolean => incident.kind === 'exit' || incident.kind === 'orphan';

const nameBrief = (
  name: string,
  recent: readonly Incident[],
  states: readonly Status[],
  from: number,
  nowMs: number,
): NameBrief => {
  const own = recent.filter(incident => incident.name === name);
  const state = states.find(one => one.name === name);
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

const needOf = (state: Status, recent: readonly Incident[]): Need[] => {
  const { name, phase } = state;
  const last = recent.findLast(incident => incident.name === name);
  if (phase === 'held')
    return [{ name, why: `held: ${state.holdReason ?? 'no reason was kept'}`, next: `agent-watch reset ${name}` }];
  if (phase === 'lost') return [{ name, why: 'lost: nobody watches it', next: `agent-watch start ${name}` }];
  if (phase === 'limited' && state.limit?.until == null)
    return [
      {
        name,
        why: `limited: ${state.limit?.cause ?? 'no reason was kept'}, and its end is not known`,
        next: last === undefined ? `agent-watch status ${name}` : `agent-watch incidents show ${last.id}`,
      },
    ];
  const unwell = phase === 'unhealthy' || phase === 'backoff' || phase === 'cooldown';
  if (unwell && last !== undefined && (personal.has(last.category) || phase === 'cooldown'))
    return [
      {
        name,
        why: `${phase}: ${last.category}, and a restart alone does not cure it`,
        next: `agent-watch incidents show ${last.id}`,
      },
    ];
  return unwell ? [{ name, why: phase, next: `agent-watch status ${name}` }] : [];
};

const mostNames = 8;
const mostNeeds = 6;
const mostFailures = 4;
const mostShared = 3;

/** The brief on one screen: plain lines, each cut to `columns`, free of control sequences. */
export const briefText = (brief: Brief, columns = 100): string =>
  [...head(brief), ...needs(brief), ...shared(brief), ...failures(brief), ...names(brief)]
    .map(line => cut(stripControl(line).replaceAll('\n', ' '), columns))
    .join('\n');

const head = (brief: Brief): string[] => {
  const incidents = brief.names.reduce((sum, name) => sum + name.incidents, 0);
  const heals = brief.names.reduce((sum, name) => sum + name.heals, 0);
  const down = brief.names.reduce((sum, name) => sum + name.downMs, 0);
  const period = `Since ${momentText(brief.since)} UTC`;
  if (brief.names.length === 0) return [`${period}: nothing is watched.`];
  if (incidents === 0) return [`${period}: ${brief.names.length} watched, nothing happened.`];
  return [
    `${period}: ${plural(incidents, 'incident')}, ${heals} healed, ${durationText(down)} down in all, ${brief.names.length} watched.`,
  ];
};

const needs = ({ needsPerson }: Brief): string[] =>
  needsPerson.length === 0
    ? []
    : [
        '',
        'Needs a person:',
        ...needsPerson.slice(0, mostNeeds).map(need => `  ${need.name}: ${need.why}  (${need.next})`),
        ...(needsPerson.length > mostNeeds ? [`  and ${needsPerson.length - mostNeeds} more`] : []),
      ];

const shared = ({ shared: events }: Brief): string[] =>
  events.length === 0
    ? []
    : [
        '',
        'Together:',
        ...events
          .slice(-mostShared)
          .map(
            event =>
              `  ${momentText(event.at)} ${event.names.join(', ')}: ${event.what ?? 'nothing in common but the time'}`,
          ),
      ];

const failures = ({ failures: found }: Brief): string[] =>
  found.length === 0
    ? []
    : [
        '',
        'What failed:',
        ...found
          .slice(0, mostFailures)
          .flatMap(failure => [
            `  ${failure.name}: ${failure.category} ${timesText(failure.count)}, last ${momentText(failure.lastAt)}`,
            ...(failure.keyLine === null ? [] : [`      ${failure.keyLine}`]),
            `      ${failure.recommendation}`,
          ]),
        ...(found.length > mostFailures ? [`  and ${found.length - mostFailures} more kinds`] : []),
      ];

const names = ({ names: all }: Brief): string[] => {
  if (all.length === 0) return [];
  const width = Math.max(...all.map(name => name.name.length));
  const rows = [...all].sort((one, other) => other.incidents - one.incidents || (one.name < other.name ? -1 : 1));
  return [
    '',
    ...rows
      .slice(0, mostNames)
      .map(
        row =>
          `  ${row.name.padEnd(width)}  ${row.phase.padEnd(9)}  ${plural(row.incidents, 'incident')}, ${row.heals} healed, ${durationText(row.downMs)} down`,
      ),
    ...(rows.length > mostNames ? [`  and ${rows.length - mostNames} more`] : []),
  ];
};

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const cut = (line: string, columns: number): string =>
  line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
