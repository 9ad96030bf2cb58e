import { closeSync, writeSync } from 'node:fs';
import type { Sink } from '../child/sink.ts';
import type { Note } from '../core/events.ts';
import type { State } from '../core/model.ts';
import { isReady, serviceStatus } from '../core/status.ts';
import type { Observer } from '../supervisor/observers/observer.ts';
import { noteLine, type Weight } from './render/notes.ts';

/** The watcher's own lines, on stderr beside the child's. */
export interface ConsoleLog {
  tell(note: Note): void;
  warn(text: string): void;
}

/**
 * Lines that begin with `[agent-watch]` and the time of day; into the journal, which stamps and sorts them itself, with its
 * priority prefix instead. They take the child's way out, so a stalled reader never stops the watcher.
 */
export function createConsoleLog(stderr: Sink, quiet: boolean, journal: boolean): ConsoleLog {
  const say = (weight: Weight, text: string) => {
    if (quiet) return;
    const prefix = journal ? `<${weight}>[agent-watch]` : `[agent-watch] ${timeOfDay()}`;
    stderr.write(Buffer.from(`${prefix} ${text.replaceAll('\n', ' ')}\n`));
  };
  return {
    tell(note) {
      const { weight, text } = noteLine(note);
      say(weight, text);
    },
    warn: text => say(4, text),
  };
}

function timeOfDay(): string {
  const now = new Date();
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map(part => String(part).padStart(2, '0')).join(':');
}

// What a watcher that was started by `start` tells it over descriptor 3, a line of JSON, before it goes its own way.

/** Says that somebody listens on descriptor 3; taken out of the environment as soon as it was read. */
export const REPORT_VARIABLE = 'AGENT_WATCH_START_REPORT';
const REPORT_FD = 3;

/** Either it is up, or waits on purpose, or it has ended. */
export type StartReport =
  | { readonly phase: State['phase']['kind']; readonly text: string; readonly name: string; readonly pid: number }
  | { readonly code: number };

export interface Starter extends Observer {
  /** It has ended, before or after it was up. */
  ended(code: number): void;
}

/** The line to whoever started us, if we were started by `start`. */
export function starterOf(env: Record<string, string | undefined>, name: string): Starter | null {
  if (env[REPORT_VARIABLE] === undefined) return null;
  delete env[REPORT_VARIABLE];
  let told = false;
  const tell = (report: StartReport) => {
    if (told) return;
    told = true;
    try {
      writeSync(REPORT_FD, `${JSON.stringify(report)}\n`);
      closeSync(REPORT_FD);
    } catch {
      // Nobody listens any more: whoever started us was ended. We were meant to outlive it.
    }
  };
  const clock = (at: number) => new Date(at).toTimeString().slice(0, 8);
  return {
    see(state) {
      if (!isReady(state, 'up') || state.leaving !== null) return;
      if (state.phase.kind === 'finished' || state.phase.kind === 'stopped') return;
      tell({ phase: state.phase.kind, text: serviceStatus(state, [], clock), name, pid: process.pid });
    },
    ended: code => tell({ code }),
    close: async () => {},
  };
}
