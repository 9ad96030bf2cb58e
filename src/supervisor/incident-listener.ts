import type { IncidentSeed } from '../core/events.ts';
import type { Incident } from '../incidents/incident.ts';

/** Who wants to know of incidents once they are explained: alerts, diagnosis, remedies. Nothing here may delay a restart. */
export interface IncidentListener {
  /** It is on disk. `seed` is what the machine said of it. */
  opened(incident: Incident, seed: IncidentSeed): void;
  /** It came too quickly after others and is only counted: nothing more will be known of it. Told at once. */
  counted?(seed: IncidentSeed): void;
  /** A healthy run closed it. */
  recovered(incident: Incident): void;
}
