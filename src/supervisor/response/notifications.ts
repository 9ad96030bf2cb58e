import type { Observer } from '../observers/observer.ts';
import type { NotificationSettings, NotificationWorld } from '../watch-order.ts';
import type { Alerting } from './alerting.ts';
import type { Diagnosing } from './diagnosing.ts';

/** What is undelivered this long after the end has begun stays queued for the next start. */
const CLOSE_MS = 500;

interface Loaded {
  alerting: Alerting | null;
  diagnosing: Diagnosing | null;
}

/**
 * Alerts, the heartbeat and a model's guess. Loads them after the first news, which is that of the first start: until then
 * the start of the child is all that matters. What happens meanwhile is told in order once they are there. Null: none was asked for.
 */
export function createNotifications(order: NotificationSettings, world: NotificationWorld): Observer | null {
  if (order.alerts === null && order.diagnosis === null) return null;
  const early: ((loaded: Loaded) => void)[] = [];
  let loaded: Loaded | null = null;
  let loading: Promise<void> | null = null;

  async function load(): Promise<void> {
    const { loadNotifications } = await import('./load-notifications.ts');
    loaded = await loadNotifications(order, world);
    for (const act of early.splice(0)) act(loaded);
  }

  function then(act: (loaded: Loaded) => void): void {
    if (loaded !== null) return act(loaded);
    early.push(act);
    loading ??= new Promise<void>(resolve => setImmediate(resolve))
      .then(load)
      .catch((error: unknown) => world.warn(`neither alerts nor diagnosis: ${error}`));
  }

  return {
    note: note => then(({ alerting }) => alerting?.hear(note)),
    happened: seed => then(({ alerting }) => alerting?.happened(seed)),
    opened: (incident, seed) =>
      then(({ alerting, diagnosing }) => {
        alerting?.explained(incident, seed);
        diagnosing?.opened(incident);
      }),
    counted: seed => then(({ alerting }) => alerting?.explained(null, seed)),
    recovered: at => then(({ alerting }) => alerting?.recovered(at)),
    judged: (run, verdict, worth) => then(({ alerting }) => alerting?.judged(run, verdict, worth)),
    async close() {
      await loading;
      loaded?.diagnosing?.close();
      await loaded?.alerting?.close(CLOSE_MS);
    },
  };
}
