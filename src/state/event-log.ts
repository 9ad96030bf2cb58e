import { createLineLog, readLines } from './line-log.ts';

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
