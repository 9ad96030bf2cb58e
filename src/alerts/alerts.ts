/** Tells people, without the watcher ever waiting for it. */
import { timerMs } from '../core/time.ts';
import type { Alert, AlertEvent, AlertKind } from './alert.ts';
import { compose, summarise } from './compose.ts';
import { due, folded, judge, nextDue, sent } from './cooldown.ts';
import { type OfficePorts, type OfficeSettings, openDelivery } from './delivery.ts';

/** Who is told what, and as whom. */
export interface AlertSettings extends OfficeSettings {
  readonly name: string;
  readonly host: string;
  readonly on: ReadonlySet<AlertKind>;
  readonly cooldownMs: number;
}

/** What alerts need of their world. */
export interface AlertPorts extends OfficePorts {
  /** Unique over all lives of the watcher. */
  readonly freshId: () => string;
  /** Takes secrets and control sequences out. */
  readonly clean: (text: string) => string;
  /** An alert has been given to delivery. */
  readonly posted?: (alert: Alert) => void;
}

export interface Alerts {
  /** Returns at once, whatever the receivers do, and never throws. */
  raise(event: AlertEvent): void;
  /** Sends what can be sent in that time and keeps the rest for the next start. */
  close(limitMs: number): Promise<void>;
}

/** Alerts to the targets of the settings. What an earlier life could not deliver is sent first. */
export function createAlerts(settings: AlertSettings, ports: AlertPorts): Alerts {
  const office = openDelivery(settings, ports);
  const post = (alert: Alert) => {
    office.post(alert);
    ports.posted?.(alert);
  };
  const speaker = { name: settings.name, host: settings.host, clean: ports.clean };
  const { cooldownMs } = settings;
  let pending: AlertEvent[] = [];
  let scheduled = false;
  let callOff = () => {};

  const settle = (event: AlertEvent) => {
    const now = ports.monoMs();
    const verdict = judge(office.cooldown, event, now, cooldownMs);
    if (verdict === 'drop') return;
    if (verdict === 'send') {
      office.cooldown = sent(office.cooldown, event, now);
      return post(compose(speaker, event, ports.freshId()));
    }
    // Without the log: a storm must not cost much, and a summary does not show it.
    const alert = compose(speaker, { ...event, tail: [], diagnosis: null }, ports.freshId());
    office.cooldown = folded(office.cooldown, event, alert);
  };
  const tellSummaries = () => {
    const { state, summaries } = due(office.cooldown, ports.monoMs(), cooldownMs);
    office.cooldown = state;
    const at = new Date(ports.wallMs()).toISOString();
    for (const { last, count, spanMs } of summaries)
      post({ ...summarise(last, count, spanMs), id: ports.freshId(), at });
  };
  const armSummary = () => {
    callOff();
    const at = nextDue(office.cooldown, cooldownMs);
    if (at !== null) callOff = ports.after(timerMs(Math.max(at - ports.monoMs(), 0)), work);
  };
  const work = () => {
    scheduled = false;
    const events = pending;
    pending = [];
    for (const event of events) settle(event);
    tellSummaries();
    armSummary();
    office.save();
  };
  armSummary();
  return {
    raise(event) {
      if (!settings.on.has(event.event)) return;
      pending.push(event);
      if (scheduled) return;
      scheduled = true;
      // Not now: redaction and the file take their milliseconds, and a restart may be due.
      setImmediate(work);
    },
    async close(limitMs) {
      work();
      callOff();
      await office.close(limitMs);
    },
  };
}
