import { hostname } from 'node:os';
import { EXIT } from '../../core/signals.ts';
import { stripControl } from '../../core/text.ts';
import { zoneText } from '../../host/clock.ts';
import { brief } from '../../incidents/brief.ts';
import { briefText } from '../../incidents/brief-text.ts';
import { nothingEvicted, readEvicted } from '../../incidents/history.ts';
import { EVICTED_FILE, INCIDENTS_FOLDER, type Incident } from '../../incidents/incident.ts';
import { postMortem } from '../../incidents/post-mortem.ts';
import { idsIn, readAll, readKept, readOne } from '../../incidents/store.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { type Service, selectReadable } from '../fleet/select.ts';
import { cut, incidentTable, measureFor } from '../render/tables.ts';
import { localStamp, ownColumns, ownTerminal, print } from '../render/terminal.ts';
import { CommandFailed, didYouMean, quoted } from '../usage-error.ts';
import { wallOf } from '../values/amounts.ts';
import { unusualSince } from './runs.ts';
import { readServices } from './status.ts';

/** An incident and where it lies. */
export interface FoundIncident {
  readonly incident: Incident;
  readonly service: Service;
  readonly folder: string;
}

/** So many ids are listed where several are meant. */
const LISTED = 5;

/**
 * The incident that was meant: by the name of its service (its latest), by its id, or by the beginning of its id.
 * @throws CommandFailed if there is none, or more than one
 */
export function findIncident(services: readonly Service[], written: string): FoundIncident {
  const named = services.find(({ label, name }) => label === written || name === written);
  if (named !== undefined) {
    const latest = idsIn(incidentsFolder(named)).at(-1);
    if (latest === undefined) throw new CommandFailed(`${named.label} has no incidents`, EXIT.unknownName);
    return read(named, latest);
  }
  const known = services.flatMap(service => idsIn(incidentsFolder(service)).map(id => ({ service, id })));
  const meant = known.filter(({ id }) => id === written);
  const found = meant.length > 0 ? meant : known.filter(({ id }) => id.startsWith(written));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return read(first.service, first.id);
  const counted = first === undefined ? countedIn(services, written) : null;
  if (counted !== null) return counted;
  const ids = known.map(({ id }) => id);
  if (first === undefined) {
    const hint =
      ids.length === 0 ? ': there are no incidents' : didYouMean(written, [...ids, ...services.map(one => one.name)]);
    throw new CommandFailed(
      `no incident ${quoted(written)}${hint || '; agent-watch incidents lists them'}`,
      EXIT.unknownName,
    );
  }
  throw new CommandFailed(
    `${quoted(written)} is the beginning of ${found.length} incidents: ${found
      .slice(-LISTED)
      .map(({ id }) => id)
      .join(', ')}${found.length > LISTED ? ', …' : ''}`,
    EXIT.unknownName,
  );
}

/** The folder of a service's incidents. */
export const incidentsFolder = ({ stateDir, name }: Pick<Service, 'stateDir' | 'name'>): string =>
  `${stateDir}/${name}/${INCIDENTS_FOLDER}`;

function read(service: Service, id: string): FoundIncident {
  const folder = incidentsFolder(service);
  const found = readOne(folder, id);
  if (found === null) throw new CommandFailed(`the incident ${id} is gone`, EXIT.unknownName);
  if ('fault' in found) throw new CommandFailed(`the incident ${id} cannot be read: ${found.fault}`);
  return { incident: found.incident, service, folder };
}

/** Of too many in a second the last one that is kept counts the rest, which have ids too. */
function countedIn(services: readonly Service[], id: string): FoundIncident | null {
  for (const service of services) {
    if (!id.startsWith(`${service.name}-`) || !/^[0-9a-z]+$/.test(id.slice(service.name.length + 1))) continue;
    const before = idsIn(incidentsFolder(service)).findLast(one => one < id);
    if (before === undefined) continue;
    const found = read(service, before);
    if (found.incident.repeats > 0) return found;
  }
  return null;
}

/** What the files of some names tell of their incidents. */
export interface KeptIncidents {
  /** Oldest first. */
  incidents: Incident[];
  /** How many more there were that are kept no more. */
  dropped: number;
  /** One line for each file that cannot be read. */
  said: string[];
}

/** The incidents of these services since then (wall ms), from their files alone. */
export function keptIncidents(services: readonly Service[], since: number): KeptIncidents {
  const all: KeptIncidents = { incidents: [], dropped: 0, said: [] };
  for (const service of services) {
    const folder = incidentsFolder(service);
    const { incidents, said } = readAll(folder);
    all.incidents.push(...incidents.filter(({ at }) => Date.parse(at) >= since));
    all.dropped += evictedOf(folder);
    all.said.push(...said);
  }
  if (services.length > 1) all.incidents.sort((one, other) => (one.at < other.at ? -1 : 1));
  return all;
}

function evictedOf(folder: string): number {
  try {
    const text = readKept(`${folder}/${EVICTED_FILE}`);
    return (text === null ? nothingEvicted() : readEvicted(JSON.parse(text))).count;
  } catch {
    // Broken: the count is lost, the incidents are not.
    return 0;
  }
}

type ListInvocation = Extract<Invocation, { kind: 'incidents' }>;
type ShowInvocation = Extract<Invocation, { kind: 'incident' }>;

/** Lists what is kept, oldest first, from the files alone. */
export async function incidentsCommand({ since: from, json, ...selection }: ListInvocation): Promise<number> {
  const { services, code } = selectReadable(selection);
  const since = wallOf(from, Date.now()) ?? Number.NEGATIVE_INFINITY;
  const { incidents, dropped, said } = keptIncidents(services, since);
  for (const line of said) process.stderr.write(`agent-watch: ${line}\n`);
  if (services.length === 0 && code !== 0) return code;
  if (json) {
    print(`${JSON.stringify(incidents, null, 2)}\n`);
    return code;
  }
  const columns = ownColumns();
  await measureFor(incidents.map(({ keyLine, name }) => [name, keyLine]));
  const table = incidents.length === 0 ? 'no incidents' : incidentTable(incidents, columns);
  const gone = dropped === 0 ? '' : `${dropped} older incidents have been removed\n`;
  print(`${table}\n${gone}`);
  return code;
}

/** Shows one incident: its report, or the record itself. */
export function incidentCommand({ which, json, ...selection }: ShowInvocation): number {
  const { services, code } = selectReadable(selection);
  // It may lie where we may not look.
  if (services.length === 0 && code === EXIT.notWell) return code;
  const { incident, folder } = findIncident(services, which);
  const report = () => (ownTerminal() === null ? reportOf : shownReport)(incident, folder);
  print(json ? `${JSON.stringify(incident, null, 2)}\n` : `${report().trimEnd()}\n`);
  return 0;
}

/** The post-mortem as a terminal shows it: what Markdown escapes would only be noise. Code keeps its backslashes. */
export function shownReport(incident: Incident, folder: string): string {
  return reportOf(incident, folder).replace(
    /^(`{3,})[^\n]*\n[\s\S]*?\n\1$|(`+)[^\n]*?[^`]\2(?!`)|\\([\\`*[\]<~>#_])|\bhttps?: (?=\/\/)/gim,
    (whole, _fence, _ticks, escaped?: string) => escaped ?? whole.replace(/^(https?:) /i, '$1'),
  );
}

/** The post-mortem of an incident, which lies in that folder: as it was written, else made again from the record. */
export function reportOf(incident: Incident, folder: string): string {
  try {
    const text = readKept(`${folder}/${incident.id}.md`);
    if (text !== null) return stripControl(text);
  } catch {
    // Not readable: it is made again from the record.
  }
  return postMortem(incident, { command: [], host: hostname() });
}

type BriefInvocation = Extract<Invocation, { kind: 'brief' }>;

const DEFAULT_SINCE_MS = 24 * 60 * 60 * 1000;

/** What happened while nobody looked, on one screen; from the files alone. */
export async function briefCommand({ since, json, ...selection }: BriefInvocation): Promise<number> {
  const { services, code } = selectReadable(selection);
  if (services.length === 0 && code !== 0) return code;
  const { incidents, said } = keptIncidents(services, Number.NEGATIVE_INFINITY);
  for (const line of said) process.stderr.write(`agent-watch: ${line}\n`);
  const states = readServices(services).rows.map(({ status }) => status);
  const nowMs = Date.now();
  const from = wallOf(since, nowMs) ?? nowMs - DEFAULT_SINCE_MS;
  const unusual = services.flatMap(service => unusualSince(service, from));
  const found = brief({ incidents, states, unusual, sinceMs: nowMs - from, nowMs });
  await measureFor(found);
  const columns = ownColumns();
  const look = { cut: (line: string) => cut(line, columns), time: localStamp, zone: zoneText(nowMs) };
  print(json ? `${JSON.stringify(found, null, 2)}\n` : `${briefText(found, look)}\n`);
  return code;
}
