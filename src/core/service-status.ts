import type { HealthRow } from './health-rows.ts';
import type { LastExit, State, Wall } from './model.ts';

/** When a service manager is told that the service is there. */
export type ReadyWhen = 'up' | 'healthy';

/**
 * Whether a watcher in this state may be called ready: its child is up (or healthy), or it waits on purpose, which may take hours and is
 * no reason to keep a boot waiting. One that has come to its end counts too: whoever waits learns the rest from its exit.
 */
export function isReady({ phase }: State, when: ReadyWhen): boolean {
  if (phase.kind === 'starting') return false;
  if (phase.kind === 'running') return when === 'up' || phase.live.healthy;
  return phase.kind !== 'stopping';
}

/** What people see as the service's status: phase, restarts, last exit, on one line. */
export function serviceStatus(state: State, rows: readonly HealthRow[], clock: (at: Wall) => string): string {
  const restarts = Math.max(0, state.run - 1);
  const parts = [phaseText(state, rows, clock), `${restarts} restart${restarts === 1 ? '' : 's'}`];
  if (state.lastExit !== null) parts.push(`last exit: ${exitText(state.lastExit)}`);
  return parts.join(', ').replace(/\s+/g, ' ');
}

function phaseText({ phase }: State, rows: readonly HealthRow[], clock: (at: Wall) => string): string {
  switch (phase.kind) {
    case 'running': {
      const sick = rows.filter(row => row.severity === 'critical' && row.ok === false).map(row => row.name);
      const word = sick.length > 0 ? `unhealthy (${sick.join(', ')})` : phase.live.healthy ? 'healthy' : 'running';
      return `${word}, pid ${phase.live.pid}`;
    }
    case 'backoff':
    case 'cooldown':
      return `${phase.kind} until ${clock((phase.since.wall + phase.waitMs) as Wall)}`;
    case 'waiting':
      return phase.due === null ? 'waiting' : `waiting until ${clock(phase.due)}`;
    case 'held':
      return `held (${phase.hold.why})`;
    default:
      return phase.kind;
  }
}

function exitText({ code, signal, cause }: LastExit): string {
  return `${signal ?? (code === null ? 'unseen' : `code ${code}`)} (${cause})`;
}
