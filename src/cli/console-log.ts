import { closeSync, writeSync } from 'node:fs';
import type { Sink } from '../child/sink.ts';
import type { Next, Note } from '../core/events.ts';
import type { Exit, ExitCause, State } from '../core/model.ts';
import { survivorsText } from '../core/requests.ts';
import { flapText, isReady, limitText, phaseText } from '../core/status.ts';
import { stripSequences } from '../core/text.ts';
import { durationText } from '../core/units.ts';
import { localTime } from '../host/clock.ts';
import type { EventLog } from '../state/line-log.ts';
import type { Observer } from '../supervisor/observers/observer.ts';

/** How weighty a line is, by syslog's numbers: 3 error, 4 warning, 5 notice, 6 information. */
export type Weight = 3 | 4 | 5 | 6;

/** One line for people of what happened, why, and what comes next. */
function noteLine(note: Note): { weight: Weight; text: string } {
  const line = (weight: Weight, text: string) => ({ weight, text });
  switch (note.kind) {
    case 'started':
      return line(
        6,
        `started, pid ${note.pid}${note.run > 1 ? `, run ${note.run}` : ''}${note.resumed ? ', by --resume-command' : ''}`,
      );
    case 'start-failed':
      return line(3, `could not start: ${note.failure.why}${nextText(note.next, 'crash')}`);
    case 'checking':
      return line(6, `${exitedText(note.exit, 'success')} after ${durationText(note.uptimeMs)}; checking its output`);
    case 'exited':
      return line(
        exitWeight(note),
        `${exitedText(note.exit, note.cause)} after ${durationText(note.uptimeMs)}${because(note)}${nextText(note.next, note.cause)}`,
      );
    case 'stopping':
      return line(5, `stopping: ${note.why}; sent ${note.signal}, SIGKILL in ${durationText(note.graceMs)}`);
    case 'stopping-rest':
      return line(5, `pid ${note.pid} is still running; ${note.signal} sent to the rest of its process tree`);
    case 'killing':
      return line(4, `sending SIGKILL: ${note.why}`);
    case 'cannot-end':
      return line(3, `cannot be ended: ${survivorsText(note.survivors)}; nothing is started beside it`);
    case 'ended-at-last':
      return line(5, 'the processes that could not be ended have ended');
    case 'left-behind':
      return line(3, `the watcher exits and leaves running what it cannot end: ${survivorsText(note.survivors)}`);
    case 'healthy':
      return line(6, `healthy: up for ${durationText(note.uptimeMs)}${note.resets ? '; the backoff is reset' : ''}`);
    case 'relapsed':
      return line(4, 'the run ended like the one before: the recovery is withdrawn and the backoff keeps growing');
    case 'unusual':
      return line(4, `run ${note.run} was unusual: ${note.reasons.join('; ')}`);
    case 'waiting':
      return line(
        5,
        `resuming the ${note.phase === 'limited' ? 'limited wait' : note.phase} of the previous watcher: ${durationText(note.leftMs)} left`,
      );
    case 'planned':
      return line(6, `next run at ${localTime(note.due)}`);
    case 'slots-skipped':
      return line(5, `${count(note.count, 'scheduled run', 'scheduled runs')} skipped while it was limited`);
    case 'held':
      return line(4, `held since ${localTime(note.hold.at)}: ${note.hold.why}; not started until a reset`);
    case 'hold-lifted':
      return line(5, `the hold is cleared (${note.hold.why})`);
    case 'reset':
      return line(5, 'reset: backoff, crash count and restarts in a row are cleared');
    case 'leftovers-ended':
      return line(4, leftoversText(note));
    case 'orphan-found':
      return line(
        4,
        `the previous watcher died without stopping the command${note.pid === null ? '' : ` (pid ${note.pid})`}; ending what is left`,
      );
    case 'success-restarts':
      return line(
        5,
        'exited successfully; restarting because of --restart always (use --restart on-failure to stop on success)',
      );
    case 'wait-floor':
      return line(
        4,
        `100 runs in a row ended within a second: the shortest backoff is now ${durationText(note.floorMs)}`,
      );
    case 'probe-warning':
      return line(4, `${note.name}: ${note.detail}; optional, so nothing is restarted`);
    case 'probe-restored':
      return line(5, `${note.name} is passing again: ${note.detail}`);
    case 'clock-gap':
      return line(5, `suspended for ${durationText(note.gapMs)}; this time does not count against probes`);
    case 'blind':
      return line(4, `the kill condition has no current metrics: ${note.why}`);
    case 'sees-again':
      return line(5, 'the kill condition has current metrics again');
    case 'hold-unwritten':
      return line(
        3,
        `the hold could not be written to the disk (${note.why}); another watcher of this name would start the command`,
      );
    case 'hold-written':
      return line(5, 'the hold is on disk now');
    case 'slow-loop':
      return line(
        4,
        `slow crash loop: became healthy and crashed ${note.deaths} times in ${durationText(note.windowMs)}`,
      );
    case 'save-failed':
      return line(4, `cannot save the state: ${note.why}; supervision goes on, trying again every 5s`);
    case 'save-recovered':
      return line(5, 'the state is saved again');
    case 'stopped':
      return line(6, 'stopping on request');
    case 'refused':
      return line(
        4,
        `${note.what} refused during a ${note.phase === 'held' ? 'hold' : 'cooldown'}; use reset to start now`,
      );
    default:
      return note satisfies never;
  }
}

function leftoversText(note: Extract<Note, { kind: 'leftovers-ended' }>): string {
  const who = note.orphan ? 'a dead watcher' : 'the last run';
  const more = note.count > note.names.length ? ', …' : '';
  const names = note.names.length === 0 ? '' : `: ${note.names.join(', ')}${more}`;
  const cure = note.background
    ? '; if that was the service itself, run it in the foreground (redis-server --daemonize no, nginx -g "daemon off;", postgres instead of pg_ctl)'
    : '';
  return `ended ${count(note.count, 'process', 'processes')} that ${who} had left${names}${cure}`;
}

function exitWeight(note: Extract<Note, { kind: 'exited' }>): Weight {
  if (note.cause === 'stopped' || note.cause === 'restarted' || note.cause === 'success') return 5;
  return note.next.kind === 'hold' || note.next.kind === 'cooldown' ? 3 : 4;
}

/** `exited with code 1`, `was ended by SIGKILL`. */
function exitedText(exit: Exit, cause: string): string {
  const verb = cause === 'stopped' || cause === 'restarted' ? 'stopped' : null;
  if (exit.signal !== null) return verb === null ? `was ended by ${exit.signal}` : `${verb} (${exit.signal})`;
  if (exit.code !== null) return verb === null ? `exited with code ${exit.code}` : `${verb} (code ${exit.code})`;
  return 'ended with an unknown exit status,';
}

function because(note: Extract<Note, { kind: 'exited' }>): string {
  const byUs = note.cause === 'probe' || note.cause === 'limit' || note.cause === 'kill-condition';
  const told = note.cause === 'crash' || note.cause === 'success';
  const again = note.next.kind === 'hold' && note.next.hold.why === note.why;
  return (byUs || told) && note.why !== null && !again ? ` (${note.why})` : '';
}

function nextText(next: Next, cause: ExitCause): string {
  switch (next.kind) {
    case 'restart':
      return `; restart ${next.number} ${next.inMs === 0 ? 'now' : `in ${durationText(next.inMs)}`}`;
    case 'cooldown':
      return `; ${flapText(next.crashes, cause)} within ${durationText(next.windowMs)}: cooling down for ${durationText(next.inMs)}`;
    case 'limited':
      return `; limited${limitText(next, at => localTime(at))}`;
    case 'schedule':
      return '; waiting for the schedule';
    case 'hold':
      return `; held: ${next.hold.why}; not started until a reset`;
    case 'finish':
      return `; finished, exiting with ${next.code}`;
    case 'leave':
      return '';
    default:
      return next satisfies never;
  }
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

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

/** Metrics, files and programs may have put anything into it: no control sequence, and no line that looks like one of the watcher's. */
const oneLine = (text: string) => stripSequences(text).replace(/[\r\n\t]+/g, ' ');

// What a watcher that was started by `start` tells it over descriptor 3, a line of JSON, before it goes its own way.

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
  let patience: NodeJS.Timeout | null = null;
  let first: State | null = null;
  const tell = (report: StartReport) => {
    if (told) return;
    told = true;
    if (timer !== null) clearTimeout(timer);
    if (patience !== null) clearTimeout(patience);
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
        return say(phase.kind, `${endedAtOnce(state.lastExit)}; ${phaseText(state, [], clock)}`, true);
      if (patience !== null) clearTimeout(patience);
      if (phase.kind === 'running') {
        const started = () => say('running', `started, pid ${phase.live.pid}`);
        if (phase.live.healthy || phase.live.health.probes.some(probe => probe.ok === true)) started();
        else timer ??= setTimeout(started, STARTED_AFTER_MS);
      } else if (isReady(state, 'up')) {
        const tellPhase = () => say(phase.kind, phaseText(state, [], clock));
        // The next run is reckoned a moment later, and after an orphan the command starts at once.
        const passes =
          phase.kind === 'backoff' ? phase.waitMs < STARTED_AFTER_MS : phase.kind === 'waiting' && phase.due === null;
        if (passes) patience = setTimeout(tellPhase, STARTED_AFTER_MS);
        else tellPhase();
      }
    },
    ended: code => tell({ code }),
  };
}

function endedAtOnce({ code, signal, cause, uptimeMs }: NonNullable<State['lastExit']>): string {
  const how = signal ?? (code === null ? 'exit status unknown' : `exit code ${code}`);
  return `${cause === 'success' ? 'exited' : 'failed'} at once (${how} after ${durationText(uptimeMs)})`;
}
