/**
 * Files of one JSON object a line that are only ever appended to: what a watcher said, and how its runs went. Two of them, an older and a
 * newer half, so that what is kept is bounded and nothing is ever rewritten.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { type RunAmendment, type RunRecord, runsIn, type Unchecked } from '../core/run-record.ts';
import { openRegularSync } from '../host/read-file.ts';
import { inOwnFolder } from './state-folder.ts';

/** Which file of which service. */
export interface LineLogPlace {
  readonly stateDir: string;
  readonly name: string;
  readonly file: string;
}

/** Keeps lines: one small append each. */
export interface LineLog {
  /** Returns whether the line is on disk as a whole. */
  add(line: object): boolean;
  close(): void;
}

/** Of the newer half; together they are twice this at most. */
const MOST_BYTES = 512 * 1024;
const LINE_END = 0x0a;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** The name of the older half. */
const olderOf = (file: string): string => `${file}.1`;

/** Opens nothing before the first line. A disk that takes none loses lines: that the state cannot be saved is said already. */
function createLineLog({ stateDir, name, file }: LineLogPlace): LineLog {
  let fd: number | null = null;

  function close(): void {
    if (fd !== null) closeSync(fd);
    fd = null;
  }

  /** Begins a new half, unless another writer has done so. */
  function turn(inode: number): void {
    inOwnFolder(stateDir, name, at => {
      if (statSync(`${at}/${file}`, { throwIfNoEntry: false })?.ino === inode)
        renameSync(`${at}/${file}`, `${at}/${olderOf(file)}`);
    });
  }

  /** The file and its size; made again if it was removed, and begun anew when it is full. */
  function ready(): { fd: number; size: number } {
    const stats = fd === null ? null : fstatSync(fd);
    if (fd !== null && stats !== null && stats.nlink > 0 && stats.size < MOST_BYTES) return { fd, size: stats.size };
    if (stats !== null && stats.nlink > 0) turn(stats.ino);
    close();
    const flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    fd = inOwnFolder(stateDir, name, at => openSync(`${at}/${file}`, flags, 0o600));
    const { size, ino } = fstatSync(fd);
    if (size < MOST_BYTES) return { fd, size };
    turn(ino);
    close();
    fd = inOwnFolder(stateDir, name, at => openSync(`${at}/${file}`, flags, 0o600));
    return { fd, size: fstatSync(fd).size };
  }

  return {
    add(line) {
      try {
        const to = ready();
        const text = `${isTorn(to) ? '\n' : ''}${JSON.stringify(line)}\n`;
        return writeSync(to.fd, text) === Buffer.byteLength(text);
      } catch {
        // Full, read-only, or gone with its folder: the next line tries again.
        close();
        return false;
      }
    },
    close,
  };
}

const last = Buffer.alloc(1);

/** Whether the last line was cut off by a kill -9 or a full disk: the next must not become a part of it. */
function isTorn({ fd, size }: { fd: number; size: number }): boolean {
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== LINE_END;
}

/**
 * The objects of both halves, oldest first; a torn line, and one that is no object, is left out.
 * @param mostBytes only so many bytes from the end on
 */
function readLines(folder: string, file: string, mostBytes = 8 * MOST_BYTES): Record<string, unknown>[] {
  const newer = tailOf(`${folder}/${file}`, mostBytes);
  const older = newer.length < mostBytes ? tailOf(`${folder}/${olderOf(file)}`, mostBytes - newer.length) : '';
  return [...objectsIn(older), ...objectsIn(newer)];
}

function tailOf(path: string, mostBytes: number): string {
  // Most have no older half, and to be told so by an exception takes ten times as long.
  if (!existsSync(path)) return '';
  try {
    const fd = openRegularSync(path, O_RDONLY | O_NOFOLLOW);
    try {
      const { size } = fstatSync(fd);
      const from = Math.max(0, size - mostBytes);
      const bytes = Buffer.allocUnsafe(size - from);
      const got = readSync(fd, bytes, 0, bytes.length, from);
      const text = bytes.subarray(0, got);
      // What is before the first line end is the end of a line.
      return text.toString('utf8', from === 0 ? 0 : text.indexOf(LINE_END) + 1);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Not there, not a regular file, or not ours to read.
    return '';
  }
}

function objectsIn(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap(line => {
    if (line === '') return [];
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? [value as Record<string, unknown>]
        : [];
    } catch {
      // Torn.
      return [];
    }
  });
}

/** What a watcher said or was asked, as one line of `events.jsonl`. */
export interface ServiceEvent {
  /** RFC 3339 UTC. */
  readonly at: string;
  readonly name: string;
  /** The kind of a note (`started`, `exited`, …), or `requested`, `alert`, `warning`. */
  readonly kind: string;
  /** The number of the run; null before the first. */
  readonly run: number | null;
  readonly text: string;
}

/** Keeps what a watcher says: one small append each, bounded. */
export interface EventLog {
  add(event: Omit<ServiceEvent, 'at' | 'name'>): void;
  close(): void;
}

const EVENTS_FILE = 'events.jsonl';
const MOST_TEXT = 2000;

/** Opens nothing before the first event. */
export function createEventLog(stateDir: string, name: string): EventLog {
  const lines = createLineLog({ stateDir, name, file: EVENTS_FILE });
  return {
    add({ kind, run, text }) {
      const event: ServiceEvent = { at: new Date().toISOString(), name, kind, run, text: text.slice(0, MOST_TEXT) };
      lines.add(event);
    },
    close: lines.close,
  };
}

/** The events of a service, oldest first. */
export function readEvents(folder: string): ServiceEvent[] {
  return readLines(folder, EVENTS_FILE).flatMap(event => {
    const { at, name, kind, text } = event;
    const whole = [at, name, kind, text].every(field => typeof field === 'string');
    return whole ? [{ run: null, ...event } as unknown as ServiceEvent] : [];
  });
}

/** Keeps one line for each run of a service, and lines that add to it later: `runs.jsonl`. */
export interface RunJournal {
  /** Returns whether it is on disk. */
  add(run: RunRecord): boolean;
  /** Adds what became known of a run that is in the journal. */
  amend(run: number, change: RunAmendment): boolean;
  close(): void;
}

const RUNS_FILE = 'runs.jsonl';
/** As many are shown at most. */
const MOST_RUNS = 1000;

/** Opens nothing before the first line. For a watcher, and for a command that adds a person's word: both only append. */
export function createRunJournal(stateDir: string, name: string): RunJournal {
  const lines = createLineLog({ stateDir, name, file: RUNS_FILE });
  return {
    add: run => lines.add(run),
    amend: (run, change) => lines.add({ of: run, ...change }),
    close: lines.close,
  };
}

/** The runs of a service, oldest first. */
export function readRuns(folder: string): RunRecord[] {
  return runsIn(readLines(folder, RUNS_FILE)).slice(-MOST_RUNS);
}

/** The runs in the last bytes of the journal, as they were written: without what was added, and with fields of any type. */
export function readRunsQuickly(folder: string, mostBytes: number): Unchecked<RunRecord>[] {
  const lines = readLines(folder, RUNS_FILE, mostBytes);
  return lines.filter(line => line['of'] === undefined && typeof line['run'] === 'number');
}

/** A journal this short holds fewer runs than any is held against. */
const SHORT_BYTES = 1000;
/** A file's time may be so much older than the time in its last line. */
const SLACK_MS = 1000;

/** Whether the journal may hold a run that ended since then (wall ms) and can be held against others; says so without reading it. */
export function mayBeUnusual(folder: string, since: number): boolean {
  const path = `${folder}/${RUNS_FILE}`;
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.mtimeMs + SLACK_MS < since) return false;
  return stats.size > SHORT_BYTES || existsSync(olderOf(path));
}
