/** Tells people, without the watcher ever waiting for it. */
import { clipEnd, clipStart, utf8Bytes, wholeEnd, wholeStart } from '../core/text.ts';
import { timerMs } from '../core/units.ts';
import {
  type Alert,
  type AlertEvent,
  type AlertKind,
  commandFor,
  lineFor,
  plain,
  severities,
  summaryLine,
  titleFor,
} from './alert.ts';
import { due, folded, judge, nextDue, sent } from './cooldown.ts';
import { type OfficePorts, type OfficeSettings, openDelivery } from './delivery.ts';

// From an event to an alert: redacted, bounded, in one shape. Pure but for the cleaning that the caller brings.

/** Who speaks, and how secrets and control sequences are taken out. */
export interface Speaker {
  readonly name: string;
  readonly host: string;
  readonly clean: (text: string) => string;
}

const maxTailLines = 20;
const maxTailBytes = 4000;
const maxLineUnits = 500;
// Of a line, before it is cleaned; of what lies beyond no part of a word is kept, since half a secret is no longer recognised.
const maxRawLineUnits = 64 * 1024;

/** The alert for one event. */
export function compose(speaker: Speaker, event: AlertEvent, id: string): Alert {
  const short = (text: string | null, units: number) =>
    text === null
      ? null
      : clipStart(
          plain(speaker.clean(wholeStart(text, maxRawLineUnits)))
            .replace(/\s+/g, ' ')
            .trim(),
          units,
        );
  const { exit, prior, probe, diagnosis } = event;
  const reason = short(event.reason, 300);
  const said =
    event.probe === null ? event : { ...event, probe: { ...event.probe, name: short(event.probe.name, 100) ?? '' } };
  return {
    version: 1,
    id,
    event: event.event,
    severity: severities[event.event],
    name: speaker.name,
    host: speaker.host,
    at: new Date(event.at).toISOString(),
    title: titleFor(speaker.name, said),
    incidentId: event.incidentId,
    reason,
    category: event.category,
    keyLine: short(event.keyLine, maxLineUnits),
    exit: exit === null ? null : { ...exit, oom: event.oom },
    uptimeMs: rounded(event.uptimeMs),
    downMs: rounded(event.downMs),
    restarts: { ...event.restarts },
    nextStartInMs: rounded(event.nextRestartInMs),
    probe: probe === null ? null : { name: said.probe?.name ?? '', message: short(probe.message, 300) },
    prior: prior === null ? null : { count: prior.count, lastAt: prior.lastAt, id: prior.id },
    recommendation: short(event.recommendation ?? null, 600),
    command: commandFor(speaker.name, event),
    tail: tailOf(event.tail, speaker.clean),
    diagnosis:
      diagnosis === null ? null : { text: short(diagnosis.text, 1000) ?? '', model: short(diagnosis.model, 100) },
    count: 1,
    earlier: [],
    text: clipStart(lineFor(speaker.name, said, reason), maxLineUnits),
  };
}

/** The alert that stands for `count` events like `last`, over `spanMs`. */
export function summarise(last: Alert, count: number, spanMs: number): Alert {
  const [, ...rest] = last.text.split(' ');
  const text = summaryLine(last.name, last.event, count, spanMs, { at: last.at, words: rest.join(' ') });
  return { ...last, count, text: clipStart(text, maxLineUnits) };
}

const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));

// Cleaned as one text, since a private key spans lines; then the end of it that fits.
function tailOf(lines: readonly string[], clean: Speaker['clean']): string[] {
  if (lines.length === 0) return [];
  const raw = lines.slice(-4 * maxTailLines).map(line => wholeEnd(line, maxRawLineUnits));
  const kept: string[] = [];
  let bytes = 0;
  for (const line of plain(clean(raw.join('\n')))
    .split('\n')
    .slice(-maxTailLines)
    .reverse()) {
    const next = clipEnd(line, maxLineUnits);
    bytes += utf8Bytes(next) + 1;
    if (bytes > maxTailBytes) break;
    kept.unshift(next);
  }
  return kept;
}

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
