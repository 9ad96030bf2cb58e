import type { IncidentSeed } from '../../core/events.ts';
import type { State } from '../../core/model.ts';
import type { StorePort } from '../../core/ports.ts';
import type { Incident } from '../../incidents/incident.ts';

/** Somebody beside the machine who is told each state as it is saved: a service manager, or whoever started us. */
export interface Observer {
  see(state: State): void;
  /** The child wrote; the buffer is valid only during the call. */
  hear?(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /** An incident was explained. */
  opened?(incident: Incident): void;
  /** The end: what is still to be said is said now, or never. Takes half a second at most. */
  close(): Promise<void>;
}

/** A store whose states the onlookers see: the one place that every transition passes. */
export function seenBy(observers: readonly Observer[], store: StorePort): StorePort {
  if (observers.length === 0) return store;
  return {
    ...store,
    save(state) {
      store.save(state);
      for (const observer of observers) observer.see(state);
    },
  };
}

/** Who wants to know of incidents once they are explained: alerts, diagnosis, remedies. Nothing here may delay a restart. */
export interface IncidentObserver {
  /** It is on disk. `seed` is what the machine said of it. */
  opened(incident: Incident, seed: IncidentSeed): void;
  /** It came too quickly after others and is only counted: nothing more will be known of it. Told at once. */
  counted?(seed: IncidentSeed): void;
  /** A healthy run closed it. */
  recovered(incident: Incident): void;
}
