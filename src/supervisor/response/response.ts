import type { Fact, Note } from '../../core/events.ts';
import type { Policy, Remedy, State } from '../../core/model.ts';
import type { ChildPort, IncidentPort, Report } from '../../core/ports.ts';
import { stampNow } from '../../host/clock.ts';
import type { StateFolder } from '../../state/state-folder.ts';
import type { IncidentObserver } from '../observers/observer.ts';
import type { NotificationSettings } from '../watch-order.ts';
import type { IncidentAttachments } from './diagnosing.ts';
import { createNotifications } from './notifications.ts';
import { createRemedies } from './remedies.ts';

/** What the user wants done about what happens, beside the restart. */
export interface IncidentResponseOrder {
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  policy: Policy;
  notifications: NotificationSettings;
  remedies: readonly Remedy[];
  tell(note: Note): void;
  warn(text: string): void;
  record?(kind: 'alert', text: string): void;
}

/** What it needs of the watcher. */
export interface IncidentResponseWorld {
  place: StateFolder;
  child: ChildPort;
  report: Report;
  state(): State;
}

/** Remedies, alerts, heartbeat and diagnosis, as far as they were asked for. */
export interface IncidentResponse {
  /** The child port whose starts wait for remedies. */
  child: ChildPort;
  /** Who is to be told of incidents that are on disk. */
  listeners: readonly IncidentObserver[];
  /** The same port; what the machine says of incidents is heard on the way, and its desk gets what is found out later. */
  around(incidentQueue: IncidentPort & IncidentAttachments): IncidentPort;
  /** Sees each fact before the machine does. */
  see(fact: Fact): void;
  tell(note: Note): void;
  close(limitMs: number): Promise<void>;
}

export function createIncidentResponse(order: IncidentResponseOrder, world: IncidentResponseWorld): IncidentResponse {
  let incidentQueue: IncidentAttachments = {};
  const shared = { ...order, ...world, desk: () => incidentQueue, monoMs: () => stampNow().mono, now: stampNow };
  const notifications = createNotifications(order.notifications, shared);
  const remedies = order.remedies.length === 0 ? null : createRemedies(shared);
  return {
    child: remedies?.child ?? world.child,
    listeners: remedies === null ? [notifications] : [notifications, remedies],
    around(port) {
      incidentQueue = port;
      return {
        examine: () => port.examine(),
        open(seed) {
          // Before the keeper, which may tell of it at once.
          notifications.happened(seed);
          remedies?.happened(seed);
          port.open(seed);
        },
        reopen: at => port.reopen?.(at),
        close(at, proof) {
          port.close(at, proof);
          notifications.closed(at);
        },
      };
    },
    see: fact => remedies?.see(fact),
    tell(note) {
      order.tell(note);
      notifications.hear(note);
    },
    close: limitMs => notifications.close(limitMs),
  };
}
