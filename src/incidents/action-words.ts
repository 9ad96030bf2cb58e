import type { IncidentSeed } from '../core/events.ts';
import { durationText } from '../core/text/units.ts';

/** What was done about an incident at once, in a sentence. */
export function actionWords({ cause, exit, next }: IncidentSeed): string {
  const ended = cause === 'probe' || cause === 'limit' || cause === 'kill-condition';
  const then = nextWords(next);
  const how = exit.signal === 'SIGKILL' ? 'killed' : 'stopped';
  const text = ended ? `the run was ${how} by its watcher; ${then}` : then;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function nextWords(next: IncidentSeed['next']): string {
  switch (next.kind) {
    case 'restart':
      return next.inMs === 0
        ? `restart ${next.number} followed at once`
        : `restart ${next.number} followed after a wait of ${durationText(next.inMs)}`;
    case 'cooldown':
      return `${next.crashes} crashes within ${durationText(next.windowMs)} led to a cooldown of ${durationText(next.inMs)}`;
    case 'hold':
      return `it is held until a person resets it: ${next.hold.why.replace(/\.$/, '')}`;
    case 'finish':
      return `it was not started again, as --restart asks; the watcher ended with code ${next.code}`;
    default:
      return 'it was not started again, since its watcher was to end';
  }
}
