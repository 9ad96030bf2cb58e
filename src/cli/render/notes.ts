import type { Next, Note } from '../../core/events.ts';
import type { Exit } from '../../core/model.ts';
import { limitText } from '../../core/status.ts';
import { survivorsText } from '../../core/stopping.ts';
import { durationText } from '../../core/text/units.ts';
import { localTime } from '../../host/clock.ts';

/** How weighty a line is, by syslog's numbers: 3 error, 4 warning, 5 notice, 6 information. */
export type Weight = 3 | 4 | 5 | 6;

/** One line for people of what happened, why, and what comes next. */
export function noteLine(note: Note): { weight: Weight; text: string } {
  const line = (weight: Weight, text: string) => ({ weight, text });
  switch (note.kind) {
    case 'started':
      return line(6, `started, pid ${note.pid}${note.run > 1 ? `, run ${note.run}` : ''}`);
    case 'start-failed':
      return line(3, `could not start: ${note.failure.why}${nextText(note.next)}`);
    case 'exited':
      return line(
        exitWeight(note),
        `${exitedText(note.exit, note.cause)} after ${durationText(note.uptimeMs)}${because(note)}${nextText(note.next)}`,
      );
    case 'stopping':
      return line(5, `stopping it: ${note.why}; ${note.signal} sent, SIGKILL in ${durationText(note.graceMs)}`);
    case 'stopping-rest':
      return line(5, `pid ${note.pid} is still running; ${note.signal} sent to the rest of its process tree`);
    case 'killing':
      return line(4, `killing it: ${note.why}`);
    case 'cannot-end':
      return line(3, `cannot be ended: ${survivorsText(note.survivors)}; nothing is started beside it`);
    case 'ended-at-last':
      return line(5, 'the processes that could not be ended have ended');
    case 'left-behind':
      return line(3, `the watcher ends and leaves behind what it cannot end: ${survivorsText(note.survivors)}`);
    case 'healthy':
      return line(6, `healthy: up for ${durationText(note.uptimeMs)}${note.resets ? '; the backoff is reset' : ''}`);
    case 'waiting':
      return line(5, `${durationText(note.leftMs)} of a ${note.phase} are left from before; waiting them out`);
    case 'planned':
      return line(6, `the next run is due at ${new Date(note.due).toISOString()}`);
    case 'held':
      return line(
        4,
        `held since ${new Date(note.hold.at).toISOString()}: ${note.hold.why}; nothing starts until reset`,
      );
    case 'hold-lifted':
      return line(5, `the hold is lifted (it was: ${note.hold.why})`);
    case 'reset':
      return line(5, 'reset: backoff, crashes and restarts in a row are forgotten');
    case 'leftovers-ended':
      return line(4, leftoversText(note));
    case 'orphan-found':
      return line(
        4,
        `the last watcher died without stopping its child${note.pid === null ? '' : ` (pid ${note.pid})`}; ending what is left of it`,
      );
    case 'success-restarts':
      return line(5, 'it ended with success and is started again all the same; --restart on-failure would let it rest');
    case 'wait-floor':
      return line(
        4,
        `100 runs in a row lived under a second: from now on no wait is below ${durationText(note.floorMs)}`,
      );
    case 'probe-warning':
      return line(4, `${note.name}: ${note.detail}; it is optional, so nothing is restarted`);
    case 'probe-restored':
      return line(5, `${note.name} is well again: ${note.detail}`);
    case 'clock-gap':
      return line(
        5,
        `the machine or the watcher stood still for ${durationText(note.gapMs)}; nothing is judged by that time`,
      );
    case 'blind':
      return line(4, `the kill condition is blind: ${note.why}`);
    case 'sees-again':
      return line(5, 'the kill condition sees again');
    case 'slow-loop':
      return line(
        4,
        `it gets healthy and dies, ${note.deaths} times in ${durationText(note.windowMs)}: a slow crash loop`,
      );
    case 'save-failed':
      return line(4, `the state cannot be saved: ${note.why}; supervision goes on, next try every 5s`);
    case 'save-recovered':
      return line(5, 'the state is saved again');
    case 'stopped':
      return line(6, 'stopping as asked');
    case 'refused':
      return line(
        4,
        `${note.what} refused: it is ${note.phase === 'held' ? 'held' : 'in a cooldown'}; reset starts it at once`,
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
  return byUs && note.why !== null ? ` (${note.why})` : '';
}

function nextText(next: Next): string {
  switch (next.kind) {
    case 'restart':
      return `; restart ${next.number} ${next.inMs === 0 ? 'now' : `in ${durationText(next.inMs)}`}`;
    case 'cooldown':
      return `; ${count(next.crashes, 'crash', 'crashes')} within ${durationText(next.windowMs)}: cooling down for ${durationText(next.inMs)}`;
    case 'limited':
      return `; limited${limitText(next, at => localTime(at))}`;
    case 'schedule':
      return '; waiting for its schedule';
    case 'hold':
      return `; held: ${next.hold.why}; nothing starts until reset`;
    case 'finish':
      return `; finished, ending with ${next.code}`;
    case 'leave':
      return '';
    default:
      return next satisfies never;
  }
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
