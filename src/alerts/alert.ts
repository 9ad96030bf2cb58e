import { durationText, exitText } from '../core/units.ts';
import { zonedTime, zoneText } from '../host/clock.ts';

/** What is told: the event as it comes from the supervisor, and the alert as it is queued and sent. */

/** The names of `--alert-on`. */
export type AlertKind =
  | 'flap'
  | 'slow-loop'
  | 'hold'
  | 'limited'
  | 'unhealthy'
  | 'recovered'
  | 'unusual'
  | 'crash'
  | 'start'
  | 'stop';

/** Something worth telling. Durations in ms, times wall ms; null where unknown or not applicable. */
export interface AlertEvent {
  readonly event: AlertKind;
  /** What tells one cause from another of the same kind, such as a probe's name; null: there is only one. */
  readonly cause: string | null;
  readonly at: number;
  readonly incidentId: string | null;
  /** A clause in our own words: nothing of the log belongs in it. */
  readonly reason: string | null;
  readonly category: string | null;
  readonly keyLine: string | null;
  readonly exit: { readonly code: number | null; readonly signal: string | null } | null;
  readonly oom: 'yes' | 'no' | 'suspected';
  readonly uptimeMs: number | null;
  /** From the first trouble to the recovery. */
  readonly downMs: number | null;
  /** `window`: those within the flap window, or of the trouble that a recovery ends. */
  readonly restarts: { readonly total: number; readonly window: number };
  readonly nextRestartInMs: number | null;
  /** `message` may quote the log. */
  readonly probe: { readonly name: string; readonly message: string | null } | null;
  readonly prior: { readonly count: number; readonly lastAt: string | null; readonly id: string | null } | null;
  readonly tail: readonly string[];
  readonly diagnosis: { readonly text: string; readonly model: string | null } | null;
  /** What to do, with the file, host or variable at fault, which the log may have named. */
  readonly recommendation?: string | null;
}

/** How much it matters: by this a receiver colours, tags and wakes. */
export type Severity = 'critical' | 'warning' | 'info';

/**
 * An alert: the JSON that a generic webhook and a command get, and what lies in the queue. `text` at the top makes the
 * same body one that Slack and Mattermost take. All of it is redacted, bounded and free of control characters.
 */
export interface Alert {
  /** Of this form. */
  readonly version: 1;
  /** The same for every try, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly event: AlertKind;
  readonly severity: Severity;
  readonly name: string;
  readonly host: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** The service and the cause, in words. */
  readonly title: string;
  readonly incidentId: string | null;
  readonly reason: string | null;
  readonly category: string | null;
  readonly keyLine: string | null;
  readonly exit: {
    readonly code: number | null;
    readonly signal: string | null;
    readonly oom: AlertEvent['oom'];
  } | null;
  readonly uptimeMs: number | null;
  readonly downMs: number | null;
  readonly restarts: { readonly total: number; readonly window: number };
  readonly nextStartInMs: number | null;
  readonly probe: { readonly name: string; readonly message: string | null } | null;
  readonly prior: { readonly count: number; readonly lastAt: string | null; readonly id: string | null } | null;
  readonly recommendation: string | null;
  /** What to type for more. */
  readonly command: string | null;
  readonly tail: readonly string[];
  readonly diagnosis: { readonly text: string; readonly model: string | null } | null;
  /** How many events it stands for: above 1 in the summary after a cooldown. */
  readonly count: number;
  /** Alerts that could not be delivered and were put into this one, a line each, oldest first. */
  readonly earlier: readonly string[];
  /** What happened, what state it is in and what comes next, in one line. */
  readonly text: string;
}

/** The same without anything that may quote the log. */
export function withoutLog(alert: Alert): Alert {
  const probe = alert.probe === null ? null : { ...alert.probe, message: null };
  return { ...alert, keyLine: null, recommendation: null, probe, tail: [], diagnosis: null };
}

/** The least that is worth sending, for a receiver that refused the whole. */
export const bare = (alert: Alert): Alert => ({ ...withoutLog(alert), earlier: [] });

// The one line of an alert. Pure.

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

/** A program that exits successfully again and again does not crash. */
const headlineOf = ({ event, cause }: AlertEvent): string =>
  event === 'flap' && cause === 'success' ? 'keeps exiting' : headlines[event];

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
export function titleFor(name: string, alerted: AlertEvent): string {
  const { event, category, probe } = alerted;
  const told = event === 'recovered' || event === 'start' || event === 'stop';
  const cause = told || category === 'unknown' ? null : category;
  const named = event === 'unhealthy' || event === 'unusual';
  const words = cause?.replaceAll('-', ' ') ?? (named ? (probe?.name ?? null) : null);
  return `${name} ${headlineOf(alerted)}${words === null ? '' : `: ${words}`}`;
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
      return `${name} ${headlineOf(event)} (${restarts.window} times in the window)${why}${next}`;
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
