import type { Effect } from '../core/events.ts';
import type { State } from '../core/model.ts';
import type { World } from '../core/ports.ts';

/** Carries out one order. Every port returns at once; what comes of it arrives later as a fact. */
export function perform(effect: Effect, state: State, world: World): void {
  switch (effect.type) {
    case 'spawn-child':
      return world.child.spawn(effect.run, effect.runId);
    case 'signal-tree':
      return world.child.signalTree(effect.runId, effect.signal);
    case 'signal-child':
      return world.child.signalChild(effect.runId, effect.signal);
    case 'clear-run':
      return world.child.clear(effect.clearing, effect.signal, effect.graceMs, effect.drain);
    case 'plan-run':
      return world.schedule.plan(effect.due, effect.lastDue);
    case 'ask-probes':
      return world.probes.ask(effect.runId, effect.names);
    case 'open-incident':
      return world.incidents.open(effect.incident);
    case 'close-incident':
      return world.incidents.close(effect.at, effect.proof);
    case 'arm-timer':
      return world.timers.arm(effect.timer, effect.delayMs);
    case 'disarm-timer':
      return world.timers.disarm(effect.timer);
    case 'save-state':
      return world.store.save(state);
    case 'write-hold':
      return world.store.writeHold(effect.hold);
    case 'lift-hold':
      return world.store.liftHold();
    case 'tell':
      return world.public.tell(effect.note);
    case 'report-bug':
      return world.public.reportBug(effect.what);
    case 'exit-watcher':
      return world.public.exit(effect.code);
    default:
      effect satisfies never;
  }
}
