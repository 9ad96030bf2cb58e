import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { readText } from '../host/read-file.ts';
import { inOwnFolder } from './state-folder.ts';

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
/** The older half; together they are twice this at most. */
const OLDER = `${EVENTS_FILE}.1`;
const MOST_BYTES = 512 * 1024;
const MOST_TEXT = 2000;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** Opens nothing before the first event. A disk that takes none loses events: that the state cannot be saved is said already. */
export function createEventLog(stateDir: string, name: string): EventLog {
  let fd: number | null = null;

  function close(): void {
    if (fd !== null) closeSync(fd);
    fd = null;
  }

  /** The file, made again if it was removed, and begun anew when it is full. */
  function ready(): number {
    const stats = fd === null ? null : fstatSync(fd);
    if (stats !== null && (stats.nlink === 0 || stats.size >= MOST_BYTES)) {
      if (stats.nlink > 0) inOwnFolder(stateDir, name, at => renameSync(`${at}/${EVENTS_FILE}`, `${at}/${OLDER}`));
      close();
    }
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    fd ??= inOwnFolder(stateDir, name, at => openSync(`${at}/${EVENTS_FILE}`, flags, 0o600));
    return fd;
  }

  return {
    add({ kind, run, text }) {
      const event: ServiceEvent = { at: new Date().toISOString(), name, kind, run, text: text.slice(0, MOST_TEXT) };
      try {
        writeSync(ready(), `${JSON.stringify(event)}\n`);
      } catch {
        // Full, read-only, or gone with its folder: the next event tries again.
        close();
      }
    },
    close,
  };
}

/** The events of a service, oldest first; a line that is torn is left out. */
export function readEvents(folder: string): ServiceEvent[] {
  return [OLDER, EVENTS_FILE].flatMap(file => {
    try {
      return (readText(`${folder}/${file}`, 4 * MOST_BYTES) ?? '').split('\n').flatMap(line => parse(line) ?? []);
    } catch {
      // Not a regular file, or not ours to read.
      return [];
    }
  });
}

function parse(line: string): ServiceEvent | null {
  if (line === '') return null;
  try {
    const event: Partial<ServiceEvent> = JSON.parse(line);
    const { at, name, kind, text } = event;
    const whole = [at, name, kind, text].every(field => typeof field === 'string');
    return whole ? ({ run: null, ...event } as ServiceEvent) : null;
  } catch {
    // Cut by a kill -9 or a full disk.
    return null;
  }
}
