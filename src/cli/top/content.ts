/** What the live view reads and asks for: by the code of the commands that show and do the same. */
import { statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { emitKeypressEvents, type Interface } from 'node:readline';
import { openLogReader } from '../../child/log-reader.ts';
import { EXIT } from '../../core/signals.ts';
import { stripControl } from '../../core/text.ts';
import { durationText } from '../../core/units.ts';
import { ownProgram } from '../../host/own-process.ts';
import { treeUsage } from '../../host/process-facts.ts';
import { runTool } from '../../host/run-command.ts';
import { idsIn, readOne } from '../../incidents/store.ts';
import { LOG_FILE } from '../../state/state-folder.ts';
import { isWell } from '../commands/health.ts';
import { incidentsFolder, shownReport } from '../commands/incidents.ts';
import { maskedRows, reasonText, type StatusRow } from '../commands/status.ts';
import { type CleanerFor, detailText } from '../commands/status-detail.ts';
import { latestLines } from '../commands/timed-logs.ts';
import { ownTerminal, wantsColours } from '../render/terminal.ts';
import { HELP, type Size } from './frame.ts';
import type { Key, Pane, TopRow, Verb } from './view.ts';

const LOG_LINES = 1000;
const MOST_LINE_CHARS = 2000;
/** Of a log, to find its last line; longer ones are none that could be read in a column. */
const LOOKED_AT_LINES = 5;
const MOST_CLEANED_CHARS = 16 * 1024;
/** Our own samples of memory: so many, so far apart. */
const SAMPLES = 60;
const SAMPLE_EVERY_MS = 5000;

/** What came of an action. */
export interface Message {
  readonly text: string;
  readonly bad: boolean;
}

/** What a pane shows, as it was read last. */
export interface PaneContent {
  readonly pane: Pane;
  readonly title: string;
  readonly lines: readonly string[];
  readonly mostBack: number;
}

/** Why it is in trouble, or that it runs, and what. */
export async function detailOf(row: StatusRow): Promise<string> {
  const [{ status } = row] = await maskedRows([row]);
  const up = status.uptimeMs === null ? '' : `up for ${durationText(status.uptimeMs)}, pid ${status.childPid}`;
  const parts = [await reasonText(row), up, status.command.join(' ')].filter(text => text !== '');
  return oneLine(parts.join('; '));
}

const oneLine = (text: string): string => stripControl(text).replace(/\s+/g, ' ').trim();

/** Asks for something just as a person would on a command line, so that it does and says the same. */
export async function perform({ service }: StatusRow, verb: Verb): Promise<Message> {
  const { stateDir, name, label } = service;
  // It has been asked about already.
  const yes = verb === 'reset' ? ['--yes'] : [];
  const { code, output, complaint } = await runTool([...ownProgram(), verb, '--state-dir', stateDir, ...yes, name]);
  const said = [output, complaint]
    .flatMap(text => text.split('\n'))
    .map(line => oneLine(line).replace(/^agent-watch: /, ''))
    .filter(line => line !== '');
  return { text: said.join('; ') || `${label}: ${verb} ended with code ${code}`, bad: code !== EXIT.ok };
}

export async function contentOf(pane: Pane, services: readonly StatusRow[]): Promise<PaneContent> {
  const { kind, label } = pane;
  if (kind === 'help') return { pane, title: 'Help', lines: HELP, mostBack: 0 };
  const row = services.find(one => one.service.label === label);
  if (row === undefined) return { pane, title: label, lines: ['The service is gone.'], mostBack: 0 };
  if (kind === 'incidents') return incidentOf(pane, row);
  if (kind === 'logs') {
    const lines = latestLines(row.service, LOG_LINES).map(line => line.slice(0, MOST_LINE_CHARS));
    const title = `${label}: log${pane.scroll === 0 ? ', followed' : ''}`;
    return { pane, title, lines: lines.length === 0 ? ['It has printed nothing yet.'] : lines, mostBack: 0 };
  }
  const text = await detailText(await maskedRows([row]));
  return { pane, title: `${label}: details`, lines: text.split('\n'), mostBack: 0 };
}

function incidentOf(pane: Pane, { service }: StatusRow): PaneContent {
  const folder = incidentsFolder(service);
  const ids = idsIn(folder);
  const id = ids.at(-1 - pane.back);
  const mostBack = Math.max(0, ids.length - 1);
  if (id === undefined) return { pane, title: pane.label, lines: ['There are no incidents.'], mostBack };
  const title = `${pane.label}: incident ${ids.length - pane.back} of ${ids.length}`;
  const found = readOne(folder, id);
  if (found === null || 'fault' in found)
    return { pane, title, lines: [`The incident ${id} cannot be read: ${found?.fault ?? 'it is gone'}.`], mostBack };
  return { pane, title, lines: shownReport(found.incident, folder).split('\n'), mostBack };
}

/** The last line of a log that says something, without secrets; read again only when the log has changed. */
export function createLastLines(cleanerFor: CleanerFor): (row: StatusRow | undefined) => string {
  const known = new Map<string, { version: string; line: string }>();
  // The environment of a run does not change: it is read once.
  const cleaners = new Map<string, { childPid: number | null; clean: (text: string) => string }>();
  const cleanerOf = ({ service: { label }, status }: StatusRow) => {
    const had = cleaners.get(label);
    if (had?.childPid === status.childPid) return had.clean;
    const clean = cleanerFor(status);
    cleaners.set(label, { childPid: status.childPid, clean });
    return clean;
  };
  return row => {
    if (row === undefined) return '';
    const path = join(row.service.stateDir, row.service.name, LOG_FILE);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return '';
    const version = `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
    const had = known.get(path);
    if (had?.version === version) return had.line;
    const line = lastLineOf(path, cleanerOf(row));
    known.set(path, { version, line });
    return line;
  };
}

function lastLineOf(path: string, clean: (text: string) => string): string {
  const reader = openLogReader(path);
  const lines = stripControl(reader.lastLines(LOOKED_AT_LINES).toString('utf8')).split('\n');
  reader.close();
  // Together, since a value may stand under its name; whole, since a part of one is not known for what it is.
  return (
    clean(lines.filter(line => line.length < MOST_CLEANED_CHARS).join('\n'))
      .split('\n')
      .map(line => oneLine(line.slice(0, MOST_LINE_CHARS)))
      .findLast(line => line !== '') ?? ''
  );
}

/** What trees use between two looks, and their memory over the run. */
export function createMeter() {
  const known = new Map<string, { pid: number; cpuMs: number; at: number; samples: { at: number; bytes: number }[] }>();
  return {
    measured({ service: { label }, status, memory }: StatusRow): TopRow {
      const { childPid, watcherPid, uptimeMs } = status;
      const usage = childPid === null || watcherPid === null ? null : treeUsage(childPid);
      const well = isWell(status);
      if (usage === null || childPid === null) {
        known.delete(label);
        return { label, status, well, cpuPercent: null, memoryBytes: null, history: [] };
      }
      const at = performance.now();
      const before = known.get(label);
      const had = before?.pid === childPid ? before : null;
      const samples = had?.samples ?? [];
      if (at - (samples.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= SAMPLE_EVERY_MS)
        samples.push({ at, bytes: usage.bytes });
      if (samples.length > SAMPLES) samples.shift();
      known.set(label, { pid: childPid, cpuMs: usage.cpuMs, at, samples });
      const spentMs = usage.cpuMs - (had?.cpuMs ?? 0);
      const cpuPercent = (100 * Math.max(0, spentMs)) / Math.max(1, had === null ? (uptimeMs ?? 1) : at - had.at);
      const history = [...memory, ...samples.map(({ bytes }) => bytes), usage.bytes];
      return { label, status, well, cpuPercent, memoryBytes: usage.bytes, history };
    },
  };
}

/** The whole terminal, until it is closed. */
export interface Screen {
  size(): Size;
  /** Shows these lines, each empty or as wide as the terminal; only those that differ from what is there are written. */
  draw(lines: readonly string[]): void;
  /** All lines are written again at the next draw. */
  forget(): void;
  /** Puts the terminal back as it was. */
  close(): void;
}

/** What a screen tells. */
export interface Hearers {
  key(key: Key): void;
  resized(): void;
  /** The terminal is gone, or a signal asks for the end. */
  gone(): void;
}

/** A screen of its own, no cursor, pastes marked as such; and the way back. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?2004h\u001b[2J';
const LEAVE = '\u001b[?2004l\u001b[0m\u001b[?25h\u001b[?1049l';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** An Esc after which nothing follows for so long is the key; what arrows send comes in one piece. */
const ESCAPE_MS = 50;
/** Of a terminal that does not tell its size. */
const USUAL = { columns: 80, rows: 24 };

/**
 * Takes the terminal. It is put back by `close`, and at any other end of the process that we live to see: a signal, an error that nobody
 * caught. Without a terminal as standard input there are no keys.
 */
export function openScreen(hearers: Hearers): Screen {
  const { stdin, stdout } = process;
  const colours = wantsColours(ownTerminal());
  let drawn: readonly string[] = [];
  let open = true;
  const stopReading = stdin.isTTY ? readKeys(stdin, hearers) : () => {};

  const enter = () => {
    if (stdin.isTTY) stdin.setRawMode(true);
    stdout.write(ENTER);
    drawn = [];
  };
  const resized = () => {
    drawn = [];
    hearers.resized();
  };
  // After a stop by a signal from elsewhere the shell has had the terminal.
  const resumed = () => {
    if (stdin.isTTY) stdin.setRawMode(false);
    enter();
    hearers.resized();
  };
  const close = () => {
    if (!open) return;
    open = false;
    for (const signal of SIGNALS) process.off(signal, hearers.gone);
    process.off('SIGCONT', resumed).off('exit', close).off('uncaughtExceptionMonitor', close);
    stdout.off('resize', resized);
    stopReading();
    try {
      // At once: at the end of the process a stream would write no more.
      writeSync(1, LEAVE);
    } catch {
      // EIO: the terminal is gone, and with it what there was to put back.
    }
  };

  for (const signal of SIGNALS) process.on(signal, hearers.gone);
  process.on('SIGCONT', resumed).on('exit', close).on('uncaughtExceptionMonitor', close);
  stdout.on('resize', resized).on('error', hearers.gone);
  enter();
  return {
    size: () => ({
      columns: stdout.columns > 0 ? stdout.columns : USUAL.columns,
      rows: stdout.rows > 0 ? stdout.rows : USUAL.rows,
      colours,
    }),
    draw(lines) {
      const changed = lines.flatMap((line, row) =>
        line === drawn[row] ? [] : [`\u001b[${row + 1};1H${line === '' ? CLEAR_LINE : line}`],
      );
      const rest = lines.length < drawn.length ? `\u001b[${lines.length + 1};1H${CLEAR_BELOW}` : '';
      if (changed.length > 0 || rest !== '') stdout.write(changed.join('') + rest);
      drawn = lines;
    },
    forget() {
      drawn = [];
    },
    close,
  };
}

/** Tells keys; returns how to stop it. A paste is never taken as keys: outside the filter it would stop and restart services. */
function readKeys(stdin: typeof process.stdin, hearers: Hearers): () => void {
  let pasting = false;
  const press = (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
    if (key.name === 'paste-start' || key.name === 'paste-end') pasting = key.name === 'paste-start';
    else hearers.key({ name: pasting ? 'paste' : (key.name ?? ''), text: text ?? '', ctrl: key.ctrl === true });
  };
  emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
  stdin.on('keypress', press).on('end', hearers.gone).on('error', hearers.gone);
  stdin.resume();
  return () => {
    stdin.off('keypress', press).off('end', hearers.gone).off('error', hearers.gone);
    stdin.pause();
    try {
      stdin.setRawMode(false);
    } catch {
      // EIO: the terminal is gone.
    }
  };
}
