import type { Reason } from './health-model.ts';
import type { ExitCause } from './model.ts';
import type { IncidentKind, IncidentSeed } from './notes.ts';
import { order, set, type Turn } from './turn.ts';

/** Opens an incident: it stays open until a run is healthy. */
export function openIncident(turn: Turn, incident: IncidentSeed): void {
  set(turn, { incident: { at: incident.at.wall, open: true } });
  order(turn, { type: 'open-incident', incident });
}

/**
 * What kind of incident an end is; null if it is none. A success is one only where it made a flap or a slow loop; an end
 * that a person asked for never is.
 */
export function incidentKind(
  turn: Turn,
  cause: ExitCause,
  reasons: readonly Reason[],
  loops: boolean,
): IncidentKind | null {
  if (cause === 'stopped' || cause === 'restarted') return null;
  if (cause === 'success') return loops ? 'exit' : null;
  if (cause === 'limit' || cause === 'kill-condition') return 'limit';
  if (cause === 'probe') return reasons.every(reason => isTimed(turn, reason.name)) ? 'stalled' : 'unhealthy';
  return cause;
}

function isTimed(turn: Turn, name: string): boolean {
  return turn.policy.health.probes.find(probe => probe.name === name)?.way === 'timed';
}
