import type { IncidentSeed, Note } from '../../core/events.ts';
import type { Wall } from '../../core/time.ts';
import type { Incident } from '../../incidents/incident.ts';
import type { IncidentObserver } from '../observers/observer.ts';
import type { NotificationSettings, NotificationWorld } from '../watch-order.ts';
import type { Alerting } from './alerting.ts';
import type { Diagnosing } from './diagnosing.ts';

/** What follows from what happens, beside supervision and never before it: alerts, the heartbeat, a model's guess. */
export interface Notifications extends IncidentObserver {
  hear(note: Note): void;
  happened(seed: IncidentSeed): void;
  closed(at: Wall): void;
  /** Gives a running diagnosis up, and waits at most so long for alerts. */
  close(limitMs: number): Promise<void>;
}

interface Loaded {
  alerting: Alerting | null;
  diagnosing: Diagnosing | null;
}

/**
 * Loads its rooms after the first news, which is that of the first start: until then the start of the child is all that
 * matters. What happens meanwhile is told in order once they are there.
 */
export function createNotifications(order: NotificationSettings, world: NotificationWorld): Notifications {
  const idle = order.alerts === null && order.diagnosis === null;
  const early: ((loaded: Loaded) => void)[] = [];
  let loaded: Loaded | null = null;
  let loading: Promise<void> | null = null;

  async function load(): Promise<void> {
    const { loadNotifications } = await import('./load-notifications.ts');
    loaded = await loadNotifications(order, world);
    for (const act of early.splice(0)) act(loaded);
  }

  function then(act: (loaded: Loaded) => void): void {
    if (idle) return;
    if (loaded !== null) return act(loaded);
    early.push(act);
    loading ??= new Promise<void>(resolve => setImmediate(resolve))
      .then(load)
      .catch((error: unknown) => world.warn(`neither alerts nor diagnosis: ${error}`));
  }

  return {
    hear: note => then(({ alerting }) => alerting?.hear(note)),
    happened: seed => then(({ alerting }) => alerting?.happened(seed)),
    opened: (incident: Incident, seed) =>
      then(({ alerting, diagnosing }) => {
        alerting?.explained(incident, seed);
        diagnosing?.opened(incident);
      }),
    counted: seed => then(({ alerting }) => alerting?.explained(null, seed)),
    // The machine's own word, which comes without an incident on disk too, is what is listened to.
    recovered() {},
    closed: at => then(({ alerting }) => alerting?.recovered(at)),
    async close(limitMs) {
      await loading;
      loaded?.diagnosing?.close();
      await loaded?.alerting?.close(limitMs);
    },
  };
}
