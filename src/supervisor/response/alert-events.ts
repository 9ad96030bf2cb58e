/** From what the machine knows of an incident, and what was found out about it, to the event that is alerted. Pure. */

import type { AlertEvent, AlertKind } from '../../alerts/alert.ts';
import type { IncidentSeed } from '../../core/events.ts';
import type { HealthPolicy } from '../../core/health-model.ts';
import type { State } from '../../core/model.ts';
import { limitWords, restartsOf } from '../../core/status.ts';
import { exitText } from '../../core/units.ts';
import { localTime } from '../../host/clock.ts';
import type { Incident } from '../../incidents/incident.ts';

/** An event of which nothing is known but that it happened. */
export function plainEvent(event: AlertKind, at: number, state: State, more: Partial<AlertEvent> = {}): AlertEvent {
  return {
    event,
    cause: null,
    at,
    incidentId: null,
    reason: null,
    category: null,
    keyLine: null,
    exit: null,
    oom: 'no',
    uptimeMs: null,
    downMs: null,
    restarts: { total: restartsOf(state), window: state.crashes.length },
    nextRestartInMs: null,
    probe: null,
    prior: null,
    tail: [],
    diagnosis: null,
    ...more,
  };
}

/** The kinds of alert that fit an incident, gravest first. One alert is sent, of the first kind that --alert-on has. */
export function kindsOf(seed: IncidentSeed, slowLoop: boolean): AlertKind[] {
  const kinds: AlertKind[] = [];
  if (seed.next.kind === 'hold') kinds.push('hold');
  if (seed.next.kind === 'cooldown') kinds.push('flap');
  if (seed.kind === 'limited') kinds.push('limited');
  if (slowLoop) kinds.push('slow-loop');
  if (seed.kind === 'unhealthy' || seed.kind === 'stalled' || seed.kind === 'limit') kinds.push('unhealthy');
  if (seed.kind !== 'exit' && seed.kind !== 'limited') kinds.push('crash');
  return kinds;
}

/** The event for an incident; `incident` is null if it could not be explained in time. */
export function incidentEvent(
  event: AlertKind,
  seed: IncidentSeed,
  incident: Incident | null,
  state: State,
  health: HealthPolicy,
  host: string,
): AlertEvent {
  const { next, exit, uptimeMs, reasons } = seed;
  const [first] = reasons;
  const probe = first === undefined ? null : { name: first.name, message: first.detail };
  const window = next.kind === 'cooldown' ? next.crashes : state.crashes.length;
  return plainEvent(event, seed.at.wall, state, {
    cause: causeOf(event, seed),
    reason: event === 'limited' ? limitReason(seed, host) : reasonOf(event, seed, incident, health),
    exit,
    uptimeMs,
    probe,
    restarts: { total: restartsOf(state), window },
    nextRestartInMs: nextInMs(seed),
    ...(incident === null ? {} : explained(incident)),
  });
}

function nextInMs({ next, at }: IncidentSeed): number | null {
  if (next.kind === 'limited') return Math.max(0, next.startAt - at.wall);
  return next.kind === 'restart' || next.kind === 'cooldown' ? next.inMs : null;
}

/** What was found out about an incident, for an alert. */
export function explained(incident: Incident): Partial<AlertEvent> {
  const { id, category, confidence, keyLine, priorMatches, tail, recommendation } = incident;
  const oom = category !== 'out-of-memory' ? 'no' : confidence < 0.5 ? 'suspected' : 'yes';
  return {
    incidentId: id,
    category,
    keyLine,
    recommendation,
    oom,
    prior: priorMatches.count === 0 ? null : { count: priorMatches.count, lastAt: priorMatches.lastAt, id: null },
    tail,
  };
}

/** Two probes are two causes, and so are two kinds of hold; a flap is one of crashes or of successes. */
function causeOf(event: AlertKind, { next, reasons, cause }: IncidentSeed): string | null {
  if (event === 'hold' && next.kind === 'hold') return next.hold.cause;
  if (event === 'unhealthy') return reasons[0]?.name ?? cause;
  if (event === 'flap' && cause === 'success') return cause;
  return null;
}

/** The detail of a probe if it quotes neither the output, an answer nor a command, else null. */
export function ownDetail(health: HealthPolicy, name: string, detail: string): string | null {
  return health.probes.find(probe => probe.name === name)?.ownWords ? detail : null;
}

/** Until when it waits, or what to do on which machine. */
function limitReason({ next }: IncidentSeed, host: string): string | null {
  if (next.kind !== 'limited') return null;
  const { cause, until } = next.limit;
  if (cause === 'auth-failed') return `login refused; log in again on ${host}, the next try reads the new credentials`;
  const end = until === null ? 'its end is not known' : `until ${localTime(until)} (${host}'s time)`;
  return `${limitWords(cause)}, ${end}`;
}

/** A clause without anything of the log. */
function reasonOf(
  event: AlertKind,
  { next, reasons, why, exit, cause }: IncidentSeed,
  incident: Incident | null,
  health: HealthPolicy,
): string | null {
  if (event === 'hold' && next.kind === 'hold') return next.hold.why;
  const details = reasons.map(({ name, detail }) => ownDetail(health, name, detail)).filter(detail => detail !== null);
  const doing = incident?.autopsy == null ? [] : [incident.autopsy.sentence.replace(/; its last line: .*$/, '')];
  if (details.length > 0) return [...details, ...doing].join('; ');
  if (cause === 'limit' && why !== null) return why;
  const category = incident === null || incident.category === 'unknown' ? [] : [incident.category];
  // A crash names its exit by itself.
  const ended =
    event === 'crash' || cause === 'probe' ? [] : exit.signal === null && exit.code === null ? [] : [exitText(exit)];
  const words = [...ended, ...category].filter(word => word !== null);
  return words.length === 0 ? null : words.join(', ');
}
