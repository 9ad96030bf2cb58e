/** What is told: the event as it comes from the supervisor, and the alert as it is queued and sent. */

/** The names of `--alert-on`. */
export type AlertKind =
  | 'flap'
  | 'slow-loop'
  | 'hold'
  | 'limited'
  | 'unhealthy'
  | 'recovered'
  | 'unusual'
  | 'crash'
  | 'start'
  | 'stop';

/** Something worth telling. Durations in ms, times wall ms; null where unknown or not applicable. */
export interface AlertEvent {
  readonly event: AlertKind;
  /** What tells one cause from another of the same kind, such as a probe's name; null: there is only one. */
  readonly cause: string | null;
  readonly at: number;
  readonly incidentId: string | null;
  /** A clause in our own words: nothing of the log belongs in it. */
  readonly reason: string | null;
  readonly category: string | null;
  readonly keyLine: string | null;
  readonly exit: { readonly code: number | null; readonly signal: string | null } | null;
  readonly oom: 'yes' | 'no' | 'suspected';
  readonly uptimeMs: number | null;
  /** From the first trouble to the recovery. */
  readonly downMs: number | null;
  /** `window`: those within the flap window, or of the trouble that a recovery ends. */
  readonly restarts: { readonly total: number; readonly window: number };
  readonly nextRestartInMs: number | null;
  /** `message` may quote the log. */
  readonly probe: { readonly name: string; readonly message: string | null } | null;
  readonly prior: { readonly count: number; readonly lastAt: string | null; readonly id: string | null } | null;
  readonly tail: readonly string[];
  readonly diagnosis: { readonly text: string; readonly model: string | null } | null;
  /** What to do, with the file, host or variable at fault, which the log may have named. */
  readonly recommendation?: string | null;
}

/** How much it matters: by this a receiver colours, tags and wakes. */
export type Severity = 'critical' | 'warning' | 'info';

/**
 * An alert: the JSON that a generic webhook and a command get, and what lies in the queue. `text` at the top makes the
 * same body one that Slack and Mattermost take. All of it is redacted, bounded and free of control characters.
 */
export interface Alert {
  /** Of this form. */
  readonly version: 1;
  /** The same for every try, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly event: AlertKind;
  readonly severity: Severity;
  readonly name: string;
  readonly host: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** The service and the cause, in words. */
  readonly title: string;
  readonly incidentId: string | null;
  readonly reason: string | null;
  readonly category: string | null;
  readonly keyLine: string | null;
  readonly exit: {
    readonly code: number | null;
    readonly signal: string | null;
    readonly oom: AlertEvent['oom'];
  } | null;
  readonly uptimeMs: number | null;
  readonly downMs: number | null;
  readonly restarts: { readonly total: number; readonly window: number };
  readonly nextStartInMs: number | null;
  readonly probe: { readonly name: string; readonly message: string | null } | null;
  readonly prior: { readonly count: number; readonly lastAt: string | null; readonly id: string | null } | null;
  readonly recommendation: string | null;
  /** What to type for more. */
  readonly command: string | null;
  readonly tail: readonly string[];
  readonly diagnosis: { readonly text: string; readonly model: string | null } | null;
  /** How many events it stands for: above 1 in the summary after a cooldown. */
  readonly count: number;
  /** Alerts that could not be delivered and were put into this one, a line each, oldest first. */
  readonly earlier: readonly string[];
  /** What happened, what state it is in and what comes next, in one line. */
  readonly text: string;
}

/** The same without anything that may quote the log. */
export function withoutLog(alert: Alert): Alert {
  const probe = alert.probe === null ? null : { ...alert.probe, message: null };
  return { ...alert, keyLine: null, recommendation: null, probe, tail: [], diagnosis: null };
}

/** The least that is worth sending, for a receiver that refused the whole. */
export const bare = (alert: Alert): Alert => ({ ...withoutLog(alert), earlier: [] });
