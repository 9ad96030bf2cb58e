import type { Fact, Note } from '../../core/events.ts';
import type { Policy, Remedy, State } from '../../core/model.ts';
import type { ChildPort, IncidentPort, Report } from '../../core/ports.ts';
import { stampNow } from '../../host/clock.ts';
import type { Place } from '../../state/state-folder.ts';
import type { IncidentListener } from '../observers/observer.ts';
import type { AftermathOrder } from '../watch-order.ts';
import type { IncidentDesk } from './diagnosing.ts';
import { createAftermath } from './notifications.ts';
import { createRemedies } from './remedies.ts';

/** What the user wants done about what happens, beside the restart. */
export interface FollowUpOrder {
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  policy: Policy;
  aftermath: AftermathOrder;
  remedies: readonly Remedy[];
  tell(note: Note): void;
  warn(text: string): void;
}

/** What it needs of the watcher. */
export interface FollowUpWorld {
  place: Place;
  child: ChildPort;
  report: Report;
  state(): State;
}

/** Remedies, alerts, heartbeat and diagnosis, as far as they were asked for. */
export interface FollowUp {
  /** The child port whose starts wait for remedies. */
  child: ChildPort;
  /** Who is to be told of incidents that are on disk. */
  listeners: readonly IncidentListener[];
  /** The same port; what the machine says of incidents is heard on the way, and its desk gets what is found out later. */
  around(keeper: IncidentPort & IncidentDesk): IncidentPort;
  /** Sees each fact before the machine does. */
  see(fact: Fact): void;
  tell(note: Note): void;
  close(limitMs: number): Promise<void>;
}

export function createFollowUp(order: FollowUpOrder, world: FollowUpWorld): FollowUp {
  let keeper: IncidentDesk = {};
  const shared = { ...order, ...world, desk: () => keeper, monoMs: () => stampNow().mono, now: stampNow };
  const aftermath = createAftermath(order.aftermath, shared);
  const remedies = order.remedies.length === 0 ? null : createRemedies(shared);
  return {
    child: remedies?.child ?? world.child,
    listeners: remedies === null ? [aftermath] : [aftermath, remedies],
    around(port) {
      keeper = port;
      return {
        open(seed) {
          // Before the keeper, which may tell of it at once.
          aftermath.happened(seed);
          remedies?.happened(seed);
          port.open(seed);
        },
        close(at, proof) {
          port.close(at, proof);
          aftermath.closed(at);
        },
      };
    },
    see: fact => remedies?.see(fact),
    tell(note) {
      order.tell(note);
      aftermath.hear(note);
    },
    close: limitMs => aftermath.close(limitMs),
  };
}
