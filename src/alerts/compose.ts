/** From an event to an alert: redacted, bounded, in one shape. Pure but for the cleaning that the caller brings. */
import { clipEnd, clipStart, utf8Bytes, wholeEnd, wholeStart } from '../core/text/escape.ts';
import type { Alert, AlertEvent } from './alert.ts';
import { commandFor, lineFor, plain, severities, summaryLine, titleFor } from './wording.ts';

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
