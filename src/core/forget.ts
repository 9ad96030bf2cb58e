import type { State } from './model.ts';

/** A state in which nothing stands against a start: what a reset makes of one that no watcher has in hand. */
export function forgetTroubles(state: State): State {
  const { phase } = state;
  const down = phase.kind === 'held' || phase.kind === 'backoff' || phase.kind === 'cooldown';
  return {
    ...state,
    phase: down ? { kind: 'stopped' } : phase,
    backoffStep: 0,
    restartsInRow: 0,
    shortRuns: 0,
    crashes: [],
    slowDeaths: [],
  };
}
