/** The one line of an alert. Pure. */
import { durationText, exitText } from '../core/text/units.ts';
import { zonedTime, zoneText } from '../host/clock.ts';
import type { AlertEvent, AlertKind, Severity } from './alert.ts';

/** A few words for a title, ASCII. */
export const headlines: Readonly<Record<AlertKind, string>> = {
  crash: 'crashed',
  flap: 'keeps crashing',
  'slow-loop': 'crashes again and again',
  hold: 'is held',
  limited: 'has hit a limit',
  unhealthy: 'is unhealthy',
  recovered: 'recovered',
  unusual: 'had an unusual run',
  start: 'started',
  stop: 'stopped',
};

/** How much each kind matters. */
export const severities: Readonly<Record<AlertKind, Severity>> = {
  hold: 'critical',
  flap: 'critical',
  'slow-loop': 'warning',
  unhealthy: 'warning',
  limited: 'warning',
  crash: 'warning',
  recovered: 'info',
  unusual: 'warning',
  start: 'info',
  stop: 'info',
};

/** The service and the cause in words: `bot keeps crashing: out of memory`. */
export function titleFor(name: string, { event, category, probe }: AlertEvent): string {
  const told = event === 'recovered' || event === 'start' || event === 'stop';
  const cause = told || category === 'unknown' ? null : category;
  const words = cause?.replaceAll('-', ' ') ?? (event === 'unhealthy' ? (probe?.name ?? null) : null);
  return `${name} ${headlines[event]}${words === null ? '' : `: ${words}`}`;
}

/** The one command that tells more; null where there is nothing to look at. */
export function commandFor(name: string, { event, incidentId }: AlertEvent): string | null {
  if (event === 'recovered' || event === 'start' || event === 'stop') return null;
  if (event === 'unusual') return `agent-watch runs ${name}`;
  return incidentId === null ? `agent-watch status ${name}` : `agent-watch incidents show ${incidentId}`;
}

/** What happened, in one line; `reason` already clean. */
export function lineFor(name: string, event: AlertEvent, reason: string | null): string {
  const { downMs, uptimeMs, restarts, nextRestartInMs } = event;
  const why = reason === null ? '' : `: ${reason}`;
  const after = uptimeMs === null ? '' : ` after ${durationText(uptimeMs)}`;
  const next = nextRestartInMs === null ? '' : `; next start in ${durationText(nextRestartInMs)}`;
  switch (event.event) {
    case 'crash':
      return `${name} crashed${exitClause(event)}${after}${why}${next}`;
    case 'flap':
      return `${name} keeps crashing (${restarts.window} times in the window)${why}${next}`;
    case 'slow-loop':
      return `${name} runs well for a while and crashes, again and again${why}${next}`;
    case 'hold':
      return `${name} is held and will not be started${why}`;
    case 'limited':
      return `${name} has hit a limit${why}${next}`;
    case 'unhealthy':
      return `${name} is unhealthy${event.probe === null ? '' : ` (${event.probe.name})`}${why}${next}`;
    case 'recovered': {
      const down = downMs === null ? '' : `, down ${durationText(downMs)}`;
      const count = restarts.window;
      return `${name} recovered${down}${count === 0 ? '' : `, ${count} restart${count === 1 ? '' : 's'}`}${why}`;
    }
    case 'unusual':
      return `${name} had an unusual run${why}`;
    case 'start':
      return `${name} started${why}`;
    case 'stop':
      return `${name} stopped${after}${why}`;
  }
}

/** The line of a summary: how often more since the first of them was told, and the last of them. */
export function summaryLine(
  name: string,
  kind: AlertKind,
  count: number,
  spanMs: number,
  last: { at: string; words: string },
): string {
  const often = `${count} more ${count === 1 ? 'time' : 'times'} in the last ${durationText(spanMs)}`;
  const what: Readonly<Record<AlertKind, string>> = {
    crash: 'crashed',
    flap: 'kept crashing',
    'slow-loop': 'crashed after running well',
    hold: 'was held',
    limited: 'hit a limit',
    unhealthy: 'was unhealthy',
    recovered: 'recovered',
    unusual: 'had an unusual run',
    start: 'started',
    stop: 'stopped',
  };
  return `${name} ${what[kind]} ${often}; last at ${zonedTime(last.at).slice(11, 16)} ${zoneText(last.at)}: ${last.words}`;
}

function exitClause({ exit, oom }: AlertEvent): string {
  if (exit === null || (exit.code === null && exit.signal === null)) return '';
  const memory = { yes: ', out of memory', suspected: ', perhaps out of memory', no: '' }[oom];
  return ` (${exitText(exit)}${memory})`;
}

/** Foreign text in a chat: read, never obeyed. Pure. */

// It shows nothing, and breaks what a chat would act on.
const gap = '\u200b';

/**
 * The text with its mentions (`@everyone`, `<!channel>`, `<@U1>`), links and code fences broken by an invisible space, so that
 * a chat shows them and does nothing.
 */
export const escapeMarkup = (text: string): string =>
  text
    .replace(/@(?=[\w\p{L}])/gu, `@${gap}`)
    .replace(/<(?=[!@#])/g, `<${gap}`)
    .replaceAll('://', `:${gap}//`)
    .replace(/`(?=`)/g, `\`${gap}`);

/** No control characters but line ends and tabs, no half of a surrogate pair. What cleans for real is brought by the caller. */
export const plain = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
    .toWellFormed();
