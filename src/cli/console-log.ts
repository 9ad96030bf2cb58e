import { closeSync, writeSync } from 'node:fs';
import type { Sink } from '../child/sink.ts';
import type { Note } from '../core/events.ts';
import type { State } from '../core/model.ts';
import { isReady, serviceStatus } from '../core/status.ts';
import { stripSequences } from '../core/text/escape.ts';
import { durationText } from '../core/text/units.ts';
import { localTime } from '../host/clock.ts';
import type { EventLog } from '../state/event-log.ts';
import type { Observer } from '../supervisor/observers/observer.ts';
import { noteLine, type Weight } from './render/notes.ts';

/** The watcher's own lines, on stderr beside the child's. */
export interface ConsoleLog {
  note(note: Note): void;
  warn(text: string): void;
  /** What is kept among the events only: a request, an alert. */
  record(kind: string, text: string): void;
}

/**
 * Lines that begin with `[agent-watch]` and the time of day; into the journal, which stamps and sorts them itself, with its
 * priority prefix instead. They take the child's way out, so a stalled reader never stops the watcher.
 */
export function createConsoleLog(stderr: Sink, quiet: boolean, journal: boolean, events: EventLog): ConsoleLog {
  let run: number | null = null;
  // Before the first note the name may be another watcher's.
  let begun = false;
  const say = (weight: Weight, text: string) => {
    if (quiet) return;
    const prefix = journal ? `<${weight}>[agent-watch]` : `[agent-watch] ${timeOfDay()}`;
    stderr.write(Buffer.from(`${prefix} ${oneLine(text)}\n`));
  };
  return {
    note(note) {
      const { weight, text } = noteLine(note);
      say(weight, text);
      begun = true;
      if (note.kind === 'started') run = note.run;
      events.add({ kind: note.kind, run, text });
    },
    warn(text) {
      say(4, text);
      if (begun) events.add({ kind: 'warning', run, text });
    },
    record: (kind, text) => events.add({ kind, run, text }),
  };
}

function timeOfDay(): string {
  const now = new Date();
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map(part => String(part).padStart(2, '0')).join(':');
}

// What a watcher that was started by `start` tells it over descriptor 3, a line of JSON, before it goes its own way.

/** Metrics, files and programs may have put anything into it: no control sequence, and no line that looks like one of the watcher's. */
const oneLine = (text: string) => stripSequences(text).replace(/[\r\n\t]+/g, ' ');

/** Its value is our caller's limit of open files. Says that `start` listens on descriptor 3; removed from the environment as soon as it was read. */
export const REPORT_VARIABLE = 'AGENT_WATCH_START_REPORT';
export const REPORT_FD = 3;

/** Either it is up (or has failed at once), or waits on purpose, or the watcher has ended. */
export type StartReport =
  | {
      readonly phase: State['phase']['kind'];
      readonly text: string;
      /** The command did not stay up for a second. */
      readonly failed: boolean;
      readonly name: string;
      readonly pid: number;
    }
  | { readonly code: number };

export interface Starter extends Observer {
  /** It has ended, before or after it was up. */
  ended(code: number): void;
}

/** A command that is up for that long, or has passed a probe, is said to be started. */
const STARTED_AFTER_MS = 1000;

/** The line to the starter, if we were started by `start`. */
export function starterOf(env: Record<string, string | undefined>, name: string): Starter | null {
  if (env[REPORT_VARIABLE] === undefined) return null;
  delete env[REPORT_VARIABLE];
  let told = false;
  let timer: NodeJS.Timeout | null = null;
  let first: State | null = null;
  const tell = (report: StartReport) => {
    if (told) return;
    told = true;
    if (timer !== null) clearTimeout(timer);
    try {
      writeSync(REPORT_FD, `${JSON.stringify(report)}\n`);
      closeSync(REPORT_FD);
    } catch {
      // Nobody listens any more: whoever started us was ended. We were meant to outlive it.
    }
  };
  const say = (phase: State['phase']['kind'], text: string, failed = false) =>
    tell({ phase, text, failed, name, pid: process.pid });
  const clock = (at: number) => localTime(at);
  return {
    see(state) {
      if (told || state.leaving !== null) return;
      first ??= state;
      const { phase } = state;
      if (phase.kind === 'finished' || phase.kind === 'stopped' || phase.kind === 'stopping') return;
      if (state.lastExit !== first.lastExit && state.lastExit !== null)
        return say(phase.kind, `${endedAtOnce(state.lastExit)}; ${serviceStatus(state, [], clock)}`, true);
      if (phase.kind === 'running') {
        const started = () => say('running', `started, pid ${phase.live.pid}`);
        if (phase.live.healthy || phase.live.health.probes.some(probe => probe.ok === true)) started();
        else timer ??= setTimeout(started, STARTED_AFTER_MS);
      } else if (isReady(state, 'up')) say(phase.kind, serviceStatus(state, [], clock));
    },
    ended: code => tell({ code }),
  };
}

function endedAtOnce({ code, signal, cause, uptimeMs }: NonNullable<State['lastExit']>): string {
  const how = signal ?? (code === null ? 'exit status unknown' : `exit code ${code}`);
  return `${cause === 'success' ? 'exited' : 'failed'} at once (${how} after ${durationText(uptimeMs)})`;
}
