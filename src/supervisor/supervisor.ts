import { decide } from '../core/decide.ts';
import type { Effect, Event, Fact, Policy, State } from '../core/model.ts';
import type { World } from '../core/ports.ts';
import { perform } from './perform.ts';

/** The loop of one watcher, and the only writer of its state. */
export interface Supervisor {
  /** Takes a fact: decides, and performs what is ordered. A fact that comes meanwhile waits its turn. */
  take(fact: Fact): void;
  readonly state: State;
}

/** Supervises from a restored (or fresh) state. Nothing happens before the fact `watcher-started`. */
export function createSupervisor(policy: Policy, restored: State, world: World): Supervisor {
  const waiting: Fact[] = [];
  let state = restored;
  let busy = false;
  let over = false;

  function turn(fact: Fact): void {
    const { source } = world;
    const event = { ...fact, at: source.now(), roll: source.roll(), freshRunId: source.freshRunId() } as Event;
    const decision = decide(policy, state, event);
    state = decision.state;
    for (const effect of decision.effects) act(effect);
  }

  function act(effect: Effect): void {
    if (effect.type === 'exit-watcher') over = true;
    perform(effect, state, world);
  }

  return {
    take(fact) {
      waiting.push(fact);
      if (busy) return;
      busy = true;
      try {
        for (let next = waiting.shift(); next !== undefined && !over; next = waiting.shift()) turn(next);
      } finally {
        busy = false;
      }
    },
    get state() {
      return state;
    },
  };
}
