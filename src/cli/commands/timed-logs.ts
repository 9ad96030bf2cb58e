import { setTimeout as pause } from 'node:timers/promises';
import { endOfLog, type LogCursor, linesAfter, linesFromEnd, type TimedLine } from '../../child/log-lines.ts';
import { stripControl } from '../../core/text.ts';
import { readEvents, type ServiceEvent } from '../../state/line-log.ts';
import { LOG_FILE } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { type Service, selectReadable } from '../fleet/select.ts';
import { isReaderGone, localStamp, ownTerminal, print, terminalLine, wantsColours } from '../render/terminal.ts';
import { wallOf } from '../values/amounts.ts';
import { findIncident } from './incidents.ts';

type EventsInvocation = Extract<Invocation, { kind: 'events' }>;

const LOOK_EVERY_MS = 200;

/** Prints what watchers said and were asked, oldest first; with -f goes on until it is interrupted. */
export async function eventsCommand(invocation: EventsInvocation): Promise<number> {
  const { since, lines, follow, json } = invocation;
  const { services, code } = selectReadable(invocation);
  if (services.length === 0 && code !== 0) return code;
  const from = wallOf(since, Date.now());
  const all = eventsOf(services).filter(({ at }) => from === null || Date.parse(at) >= from);
  const shown =
    lines === null ? (from === null ? all.slice(-DEFAULT_LINES) : all) : all.slice(Math.max(0, all.length - lines));
  const many = services.length > 1;
  if (!follow) {
    print(json ? `${JSON.stringify(shown, null, 2)}\n` : shown.map(event => eventLine(event, many)).join(''));
    return code;
  }
  const say = (events: readonly ServiceEvent[]) =>
    print(events.map(event => (json ? `${JSON.stringify(event)}\n` : eventLine(event, many))).join(''));
  say(shown);
  await followEvents(services, all.length === 0 ? new Date().toISOString() : (all.at(-1)?.at ?? ''), say);
  return code;
}

const DEFAULT_LINES = 100;

/** The events of services in the order in which they happened. */
export function eventsOf(services: readonly Service[]): ServiceEvent[] {
  const all = services.flatMap(({ stateDir, name, label }) =>
    readEvents(`${stateDir}/${name}`).map(event => ({ ...event, name: label })),
  );
  // A stable sort: what one service said in the same millisecond stays in its order.
  return services.length > 1 ? all.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0)) : all;
}

async function followEvents(
  services: readonly Service[],
  from: string,
  say: (events: readonly ServiceEvent[]) => void,
): Promise<void> {
  let last = from;
  // Events of the same millisecond as the last one are told by their number.
  let seen = eventsOf(services).filter(({ at }) => at === last).length;
  while (!isReaderGone()) {
    await pause(LOOK_EVERY_MS);
    const fresh = eventsOf(services).filter(({ at }) => at >= last);
    const news = fresh.slice(seen);
    if (news.length === 0) continue;
    say(news);
    last = news.at(-1)?.at ?? last;
    seen = fresh.filter(({ at }) => at === last).length;
  }
}

function eventLine({ at, name, text }: ServiceEvent, many: boolean): string {
  return `${localStamp(at)}  ${many ? `${name}: ` : ''}${stripControl(text).replaceAll('\n', ' ')}\n`;
}

type LogsInvocation = Extract<Invocation, { kind: 'logs' }>;

/** A line of output, or an event between lines. */
interface Entry {
  readonly label: string;
  readonly at: number;
  /** Of what happened in the same millisecond: the start of a run before its output, its end behind it. */
  readonly rank: -1 | 0 | 1;
  readonly text: Buffer | string;
  /** The run that wrote it; of an event null. */
  readonly run: number | null;
}

/** What is to be shown of the lines. */
interface Wanted {
  readonly from: number | null;
  readonly until: number | null;
  readonly run: number | null;
  readonly grep: RegExp | null;
}

const AROUND_LINES = 50;
const FOLLOW_EVERY_MS = 100;

/** Prints lines of several logs in the order in which they came, with events between them. */
export async function showLines(services: readonly Service[], invocation: LogsInvocation): Promise<void> {
  const { follow, noEvents, raw } = invocation;
  const write = printer(services, invocation);
  const withEvents = !noEvents && !raw && invocation.grep === null;
  // Before the first look, so that nothing falls between it and the first news.
  const cursors = follow ? services.map(service => endOfLog(pathOf(service))) : null;
  const entries = invocation.around === null ? selected(services, invocation, cursors) : around(services, invocation);
  const events = withEvents ? eventsAmong(services, entries, invocation) : [];
  write([...entries, ...events].sort(byTime));
  const { run } = invocation;
  if (run !== null && entries.length === 0 && events.length === 0 && !follow)
    process.stderr.write(`agent-watch: nothing of run ${run} is in the log\n`);
  if (cursors !== null) await followLines(services, cursors, { wanted: wantedOf(invocation), withEvents, write });
}

const pathOf = ({ stateDir, name }: Service) => `${stateDir}/${name}/${LOG_FILE}`;

function wantedOf({ since, until, run, grep }: LogsInvocation): Wanted {
  const now = Date.now();
  return { from: wallOf(since, now), until: wallOf(until, now), run, grep };
}

/** The newest lines that are wanted, oldest first. */
function selected(
  services: readonly Service[],
  invocation: LogsInvocation,
  cursors: readonly LogCursor[] | null,
): Entry[] {
  const wanted = wantedOf(invocation);
  const most = mostLines(invocation);
  const all = services.flatMap((service, at) => newest(service, wanted, most, cursors?.[at] ?? null)).sort(byTime);
  return most === Number.POSITIVE_INFINITY ? all : all.slice(Math.max(0, all.length - most));
}

function mostLines({ lines, since, run }: LogsInvocation): number {
  return lines ?? (since !== null || run !== null ? Number.POSITIVE_INFINITY : DEFAULT_LINES);
}

function newest(service: Service, wanted: Wanted, most: number, upTo: LogCursor | null): Entry[] {
  const entries: Entry[] = [];
  for (const line of linesFromEnd(pathOf(service), upTo)) {
    if (entries.length >= most || isBefore(line, wanted)) break;
    if (isWanted(line, wanted)) entries.push(entryOf(service, line));
  }
  return entries.reverse();
}

/** The newest lines of a service, oldest first, with the events between them: clean text for a terminal. */
export function latestLines(service: Service, count: number): string[] {
  const { stateDir } = service;
  const selection = { names: [], all: false, allUsers: false, stateDir, stateDirGiven: false };
  const shown = { lines: count, follow: false, raw: false, times: false, noEvents: false };
  const all = { since: null, until: null, grep: null, run: null, around: null };
  const invocation: LogsInvocation = { kind: 'logs', ...selection, ...shown, ...all };
  const entries = selected([service], invocation, null);
  return [...entries, ...eventsAmong([service], entries, invocation)]
    .sort(byTime)
    .map(({ text }) => lineBytes(text, true, false).toString());
}

/** What is older is not wanted either: times and runs only grow. */
function isBefore({ at, run }: TimedLine, wanted: Wanted): boolean {
  return (wanted.from !== null && at < wanted.from) || (wanted.run !== null && run !== 0 && run < wanted.run);
}

function isWanted(line: TimedLine, { from, until, run, grep }: Wanted): boolean {
  if ((from !== null && line.at < from) || (until !== null && line.at > until)) return false;
  if (run !== null && line.run !== run) return false;
  return grep === null || grep.test(stripControl(line.bytes.toString('utf8')));
}

const entryOf = ({ label }: Service, { at, bytes, run }: TimedLine): Entry => ({
  label,
  at,
  rank: 0,
  text: bytes,
  run,
});

/** The lines before and after an incident, of its service or of those that were named. */
function around(services: readonly Service[], invocation: LogsInvocation): Entry[] {
  const { incident, service } = findIncident(services, invocation.around ?? '');
  const at = Date.parse(incident.at);
  const most = invocation.lines ?? AROUND_LINES;
  const about = invocation.names.length === 0 ? [service] : services;
  return about
    .flatMap(one => {
      const before: Entry[] = [];
      const after: Entry[] = [];
      for (const line of linesFromEnd(pathOf(one))) {
        if (before.length >= most) break;
        if (!isWanted(line, wantedOf(invocation))) continue;
        (line.at > at ? after : before).push(entryOf(one, line));
      }
      return [...before.reverse(), ...after.reverse().slice(0, most)];
    })
    .sort(byTime);
}

/** The events from the first shown line on, or of the time or run that was asked for. */
function eventsAmong(services: readonly Service[], entries: readonly Entry[], invocation: LogsInvocation): Entry[] {
  const wanted = wantedOf(invocation);
  const labels = new Set(entries.map(({ label }) => label));
  const about = invocation.around === null ? services : services.filter(({ label }) => labels.has(label));
  const isCut = entries.length >= mostLines(invocation);
  if (isCut && entries.length === 0) return [];
  const from = wanted.from ?? (wanted.run === null ? null : Number.NEGATIVE_INFINITY);
  const first = (isCut ? null : from) ?? entries[0]?.at ?? Number.NEGATIVE_INFINITY;
  const last =
    wanted.until ?? (invocation.around === null ? Number.POSITIVE_INFINITY : (entries.at(-1)?.at ?? 0) + 1000);
  const isWhole = !isCut && from === null && invocation.around === null;
  const firstRuns = isWhole ? firstRunsOf(entries) : null;
  return eventsOf(about).flatMap(({ at, name, kind, run, text }) => {
    const time = Date.parse(at);
    // The start of the first shown run belongs to it, however long it said nothing.
    const begins = kind === 'started' && (time >= first - START_SLACK_MS || firstRuns?.get(name) === run);
    const inTime = (time >= first || begins) && time <= last;
    return inTime && (wanted.run === null || run === wanted.run) ? [eventEntry(name, time, kind, text)] : [];
  });
}

function firstRunsOf(entries: readonly Entry[]): Map<string, number | null> {
  const runs = new Map<string, number | null>();
  for (const { label, run } of entries) if (!runs.has(label)) runs.set(label, run);
  return runs;
}

const START_SLACK_MS = 50;

function eventEntry(label: string, at: number, kind: string, text: string): Entry {
  return { label, at, rank: kind === 'started' ? -1 : 1, text, run: null };
}

/** In the order of arrival; lines of one service keep the order that they have in the log. */
function byTime(one: Entry, other: Entry): number {
  return one.at - other.at || one.rank - other.rank;
}

interface Following {
  readonly wanted: Wanted;
  readonly withEvents: boolean;
  readonly write: (entries: readonly Entry[]) => void;
}

async function followLines(services: readonly Service[], from: LogCursor[], following: Following): Promise<void> {
  const { wanted, withEvents, write } = following;
  const cursors = [...from];
  const count = () => (withEvents ? eventsOf(services).length : 0);
  let lastEvent = new Date().toISOString();
  let known = count();
  while (!isReaderGone()) {
    await pause(FOLLOW_EVERY_MS);
    const news = services.flatMap((service, index) => {
      const { lines, cursor } = linesAfter(pathOf(service), cursors[index] ?? { inode: 0, offset: 0 });
      cursors[index] = cursor;
      return lines.filter(line => isWanted(line, { ...wanted, from: null })).map(line => entryOf(service, line));
    });
    if (withEvents && count() !== known) {
      const fresh = eventsOf(services).filter(({ at }) => at > lastEvent);
      known = count();
      lastEvent = fresh.at(-1)?.at ?? lastEvent;
      const events = fresh.filter(({ run }) => wanted.run === null || run === wanted.run);
      news.push(...events.map(({ at, name, kind, text }) => eventEntry(name, Date.parse(at), kind, text)));
    }
    if (news.length > 0) write(news.sort(byTime));
  }
}

const COLOURS = ['36', '33', '32', '35', '34', '96', '93', '92', '95', '94'];

/** Writes entries: the name in front where there are several, the time with -t, events dimmed and marked. */
function printer(services: readonly Service[], { times, raw }: LogsInvocation): (entries: readonly Entry[]) => void {
  const terminal = ownTerminal();
  const colours = !raw && wantsColours(terminal);
  const width = Math.max(...services.map(({ label }) => label.length));
  const prefixes = new Map(
    services.map(({ label }, index) => [
      label,
      prefixOf(label.padEnd(width), colours ? COLOURS[index % COLOURS.length] : undefined),
    ]),
  );
  return entries => {
    const parts: Buffer[] = [];
    for (const { label, at, text } of entries) {
      const time = times ? `${localStamp(at)}.${String(at % 1000).padStart(3, '0')} ` : '';
      const name = services.length > 1 ? (prefixes.get(label) ?? '') : '';
      parts.push(Buffer.from(time + name), lineBytes(text, terminal !== null && !raw, colours), NEWLINE);
    }
    print(Buffer.concat(parts));
  };
}

const NEWLINE = Buffer.from('\n');

function prefixOf(label: string, colour: string | undefined): string {
  return colour === undefined ? `${label} | ` : `\u001b[${colour}m${label} |\u001b[0m `;
}

function lineBytes(text: Buffer | string, clean: boolean, colours: boolean): Buffer {
  if (typeof text === 'string') {
    const line = `-- ${stripControl(text).replaceAll('\n', ' ')}`;
    return Buffer.from(colours ? `\u001b[2m${line}\u001b[0m` : line);
  }
  return clean ? Buffer.from(terminalLine(text.toString('utf8'), colours)) : text;
}
