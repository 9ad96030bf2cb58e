import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { linesFromEnd, type TimedLine } from '../../child/log-lines.ts';
import type { RunRecord, Unchecked } from '../../core/run-record.ts';
import { EXIT } from '../../core/signals.ts';
import type { Status } from '../../core/status.ts';
import { clipStart, stripControl } from '../../core/text.ts';
import { environmentOf, withUsage } from '../../host/process-facts.ts';
import { type Brief, brief } from '../../incidents/brief.ts';
import type { Incident } from '../../incidents/incident.ts';
import { secretsOf } from '../../incidents/redaction/exact-secrets.ts';
import { maskedStatuses } from '../../incidents/redaction/statuses.ts';
import { readRunsQuickly, type ServiceEvent } from '../../state/line-log.ts';
import { LOG_FILE } from '../../state/state-folder.ts';
import { redactorFor } from '../../supervisor/response/redactor.ts';
import { findIncident, incidentsFolder, keptIncidents, reportOf } from '../commands/incidents.ts';
import { lastRuns, unusualSince } from '../commands/runs.ts';
import { readServices, type StatusRow } from '../commands/status.ts';
import { eventsOf } from '../commands/timed-logs.ts';
import { type Service, select, whyUnreadable } from '../fleet/select.ts';
import type { ListedRun } from '../render/tables.ts';
import { CommandFailed } from '../usage-error.ts';

/** A line of a log, its secrets masked. */
export interface LogLine {
  readonly name: string;
  /** RFC 3339 UTC. */
  readonly at: string;
  /** Null: not known. */
  readonly run: number | null;
  readonly text: string;
}

/** Which lines of logs are wanted: the newest of those that fit, oldest first. */
export interface LogQuery {
  readonly lines: number;
  readonly since: number | null;
  readonly run: number | null;
  readonly grep: RegExp | null;
}

/** An incident with its post-mortem, which is Markdown. */
export interface Reported {
  readonly incident: Incident;
  readonly report: string;
}

/**
 * What the files of a state folder tell, ready to be shown to others: secrets masked, control sequences removed. Names and globs select
 * services, none of them all. Everything throws a CommandFailed for a name or an incident that is not there.
 */
export interface Facts {
  readonly host: string;
  services(names: readonly string[]): readonly Service[];
  rows(names: readonly string[]): Promise<{ rows: StatusRow[]; faults: string[] }>;
  status(names: readonly string[]): Promise<Status[]>;
  /** `sinceMs`: how far it looks back. */
  brief(names: readonly string[], sinceMs: number): Promise<Brief>;
  /** Oldest first; `since`: wall ms. */
  incidents(names: readonly string[], since: number | null): Incident[];
  /** The same since ever, without their last lines; cheap to ask again. */
  kept(names: readonly string[]): Incident[];
  /** By the name of a service (its latest), an id, or the beginning of one. */
  incident(which: string): Reported;
  events(names: readonly string[], since: number | null, most: number): ServiceEvent[];
  /** The last runs that have ended, oldest first. */
  runs(names: readonly string[], most: number): ListedRun[];
  /** Those of one service at the end of its journal, as they were written: quick enough to be asked again and again. */
  newestRuns(service: Service): Unchecked<RunRecord>[];
  logs(names: readonly string[], query: LogQuery): LogLine[];
}

/** The facts of a state folder, read anew at each call but for incident files that have not changed. */
export function openFacts(stateDir: string): Facts {
  const kept = keptOf();
  const find = (names: readonly string[]) => found(stateDir, names);
  const rows = async (names: readonly string[]) => {
    const read = readServices(find(names));
    const shown = await maskedStatuses(read.rows.map(({ status }) => status));
    return { ...read, rows: read.rows.map((row, at) => ({ ...row, status: shown[at] ?? row.status })) };
  };
  const keptOfAll = (names: readonly string[]) => readable(find(names)).flatMap(kept).sort(byTime);
  const status = async (names: readonly string[]) => (await rows(names)).rows.map(row => withUsage(row.status));
  return {
    host: hostname(),
    services: find,
    rows,
    status,
    async brief(names, sinceMs) {
      const states = await status(names);
      const nowMs = Date.now();
      const unusual = readable(find(names)).flatMap(service => unusualSince(service, nowMs - sinceMs));
      return brief({ incidents: keptOfAll(names), states, unusual, sinceMs, nowMs });
    },
    incidents: (names, since) =>
      keptIncidents(readable(find(names)), since ?? Number.NEGATIVE_INFINITY).incidents.toSorted(byTime),
    kept: keptOfAll,
    incident(which) {
      const { incident, folder } = findIncident(readable(find([])), which);
      return { incident, report: reportOf(incident, folder) };
    },
    events(names, since, most) {
      const services = readable(find(names));
      const clean = new Map(services.map(service => [service.label, cleanerOf(service)]));
      const from = since ?? Number.NEGATIVE_INFINITY;
      const wanted = eventsOf(services).filter(({ at }) => Date.parse(at) >= from);
      return last(wanted, most).map(event => ({ ...event, text: clean.get(event.name)?.(event.text) ?? '' }));
    },
    runs: (names, most) => runsOf(readable(find(names)), most),
    newestRuns: ({ stateDir, name }) => readRunsQuickly(join(stateDir, name), NEWEST_RUNS_BYTES),
    logs(names, query) {
      const all = readable(find(names)).flatMap(service => linesOf(service, query));
      return last(
        all.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0)),
        query.lines,
      );
    },
  };
}

/** Some three hundred runs. */
const NEWEST_RUNS_BYTES = 128 * 1024;

/** What was wrong with a run may quote its output. */
function runsOf(services: readonly Service[], most: number): ListedRun[] {
  const clean = new Map(services.map(service => [service.label, cleanerOf(service)]));
  return lastRuns(services, most).map(run => ({
    ...run,
    why: run.why === null ? null : (clean.get(run.name)?.(run.why) ?? null),
  }));
}

const last = <T>(items: readonly T[], most: number): T[] => items.slice(Math.max(0, items.length - most));
const byTime = (one: Incident, other: Incident) => (one.at < other.at ? -1 : 1);

function found(stateDir: string, names: readonly string[]): readonly Service[] {
  const { services, unknown } = select({ names, all: false, allUsers: false, stateDir, stateDirGiven: false });
  if (unknown.length > 0) throw new CommandFailed(unknown.join('; '), EXIT.unknownName);
  return services;
}

const readable = (services: readonly Service[]): Service[] => services.filter(one => whyUnreadable(one) === null);

/** A folder's time of change is the clock's at the last tick: within one, something may have been written after we looked. */
const SURELY_LATER_MS = 1000;

/**
 * Reads the incidents of services, without their last lines, and those of one only if its folder has changed since: each is written by a
 * rename into it.
 */
function keptOf(): (service: Service) => Incident[] {
  const known = new Map<string, { changedAt: number; incidents: Incident[] }>();
  return service => {
    const folder = incidentsFolder(service);
    const changedAt = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const before = known.get(folder);
    if (before?.changedAt === changedAt) return before.incidents;
    const incidents = keptIncidents([service], Number.NEGATIVE_INFINITY).incidents.map(one => ({ ...one, tail: [] }));
    if (Date.now() - changedAt > SURELY_LATER_MS) known.set(folder, { changedAt, incidents });
    return incidents;
  };
}

/** Masks what looks like a secret, and what stands as one in the environment of us, the watcher or the command. */
function cleanerOf({ stateDir, name }: Service): (text: string) => string {
  const row = readServices([{ stateDir, name, label: name }]).rows[0];
  const ofPid = (pid: number | null | undefined) => (pid == null ? null : environmentOf(pid)) ?? {};
  return redactorFor(ofPid(row?.status.childPid), secretsOf(ofPid(row?.status.watcherPid)));
}

/** A private key spans many lines, and may begin above the first that is shown. */
const LINES_ABOVE = 60;
/** With a pattern, so much of the end of a log is searched. */
const SEARCHED_LINES = 20_000;
const SEARCHED_BYTES = 2 * 1024 * 1024;
/** Of a longer line, the beginning; and what is looked at of it, so that no half of a secret is seen. */
const LINE_CHARS = 4000;
const LOOKED_AT_CHARS = 4 * LINE_CHARS;

/**
 * The lines of one log. They are cleaned before they are searched: otherwise a pattern could ask for a secret letter by letter.
 */
function linesOf(service: Service, { lines, since, run, grep }: LogQuery): LogLine[] {
  const most = grep === null ? lines + LINES_ABOVE : SEARCHED_LINES;
  const raw: TimedLine[] = [];
  let bytes = 0;
  for (const line of linesFromEnd(join(service.stateDir, service.name, LOG_FILE))) {
    const isOlder = (since !== null && line.at < since) || (run !== null && line.run !== 0 && line.run < run);
    if (raw.length >= most || bytes > SEARCHED_BYTES || isOlder) break;
    if (run !== null && line.run > run) continue;
    raw.push(line);
    bytes += line.bytes.length;
  }
  const cleaned = cleanLines(raw.reverse(), cleanerOf(service));
  const fitting = grep === null ? cleaned : cleaned.filter(({ text }) => grep.test(text));
  return last(fitting, lines).map(({ at, run: number, text }) => ({
    name: service.label,
    at: new Date(at).toISOString(),
    run: number === 0 ? null : number,
    text,
  }));
}

interface CleanLine {
  readonly at: number;
  readonly run: number;
  readonly text: string;
}

/**
 * Cleaned as a whole; a secret of several lines becomes a part of one. Which line is which is told by those that were not changed.
 */
function cleanLines(raw: readonly TimedLine[], clean: (text: string) => string): CleanLine[] {
  if (raw.length === 0) return [];
  const textOf = ({ bytes }: TimedLine) =>
    stripControl(bytes.toString('utf8', 0, LOOKED_AT_CHARS)).replaceAll('\r', ' ');
  const plain = raw.map(textOf);
  const cleaned = clean(plain.join('\n')).split('\n');
  let at = 0;
  return cleaned.map(text => {
    const isWhole = cleaned.length === plain.length;
    const same = isWhole || text.includes('[redacted ') ? at : plain.indexOf(text, at);
    const index = Math.min(same === -1 ? at : same, raw.length - 1);
    at = index + 1;
    return { at: raw[index]?.at ?? 0, run: raw[index]?.run ?? 0, text: clipStart(text, LINE_CHARS) };
  });
}
