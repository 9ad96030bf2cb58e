/** One alert in the words of each receiver, within its limits. Pure. */
import { clipStart, clipStartBytes, utf8Bytes } from '../core/text/escape.ts';
import type { Alert, AlertKind } from './alert.ts';
import { escapeMarkup, headlines } from './wording.ts';

/** The shapes that webhooks take. */
export type Format = 'slack' | 'discord' | 'ntfy' | 'generic';

/** What is posted. */
export interface Payload {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const slackUnits = 3000;
const discordContentUnits = 2000;
// 4096 for the description and 6000 for the whole embed; the fields need their share.
const discordLogUnits = 3500;
const discordFieldUnits = 1024;
// At 4096 a message becomes an attachment.
const ntfyBytes = 4000;

const renderers: Readonly<Record<Format, (alert: Alert) => Payload>> = {
  slack: alert => json({ text: slackText(alert), unfurl_links: false, unfurl_media: false }),
  discord: alert => json(discordBody(alert)),
  ntfy: alert => ({
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      // Header values are ASCII: so are names and headlines.
      title: `${alert.name} ${headlines[alert.event]}`,
      priority: String(urgency[alert.event]),
      tags: alert.event === 'recovered' || alert.event === 'start' ? 'white_check_mark' : 'rotating_light',
    },
    body: ntfyText(alert),
  }),
  // Slack's relatives take this body too and act on its text.
  generic: alert => json({ ...alert, text: escapeMarkup(alert.text) }),
};

/** The request's body and headers for an alert. */
export const render = (format: Format, alert: Alert): Payload => renderers[format](alert);

const json = (body: unknown): Payload => ({
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(body),
});

const urgency: Readonly<Record<AlertKind, 1 | 2 | 3 | 4 | 5>> = {
  hold: 5,
  flap: 4,
  'slow-loop': 4,
  unhealthy: 4,
  limited: 4,
  crash: 4,
  recovered: 3,
  start: 2,
  stop: 3,
};

/** What there is to say besides the one line, the log and earlier alerts, a line each. */
export function detailLines(alert: Alert): string[] {
  const { category, key_line: keyLine, probe, prior, diagnosis, incident_id: incident } = alert;
  const model = diagnosis?.model == null ? '' : ` by ${diagnosis.model}`;
  return [
    `${alert.host}, ${alert.time}`,
    ...(category === null ? [] : [`category: ${category}`]),
    ...(keyLine === null ? [] : [`key line: ${keyLine}`]),
    ...(probe?.message == null ? [] : [`${probe.name}: ${probe.message}`]),
    ...(incident === null ? [] : [`incident: ${incident}`]),
    ...(prior === null || prior.count === 0 ? [] : [`seen before: ${prior.count} times, last ${prior.last_time}`]),
    ...(diagnosis === null ? [] : [`a guess${model}: ${diagnosis.text}`]),
  ];
}

const earlierLines = (alert: Alert): string[] =>
  alert.earlier.length === 0 ? [] : ['could not be delivered before:', ...alert.earlier];

function slackText(alert: Alert): string {
  const encode = (text: string) =>
    escapeMarkup(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const head = [
    encodeWithin(alert.text, 700, encode),
    ...fitting(detailLines(alert), 900, encode),
    ...fitting(earlierLines(alert), 800, encode),
  ].join('\n');
  const log = fitting(alert.tail.toReversed(), slackUnits - head.length - 10, encode).reverse();
  return log.length === 0 ? head : `${head}\n\`\`\`\n${log.join('\n')}\n\`\`\``;
}

function discordBody(alert: Alert): unknown {
  // Discord has an escape for its own marks; inside the log's fence none is needed.
  const encode = (text: string) => escapeMarkup(text).replace(/[\\*_~|>`[\]]/g, '\\$&');
  const text = encodeWithin(alert.text, 800, encode);
  const content = [text, ...fitting(earlierLines(alert), discordContentUnits - text.length - 1, encode)];
  const log = fitting(alert.tail.toReversed(), discordLogUnits - 10, escapeMarkup).reverse();
  return {
    username: 'agent-watch',
    content: content.join('\n'),
    embeds: [
      {
        title: `${alert.name} ${headlines[alert.event]}`,
        ...(log.length === 0 ? {} : { description: `\`\`\`\n${log.join('\n')}\n\`\`\`` }),
        fields: [{ name: 'Details', value: fitting(detailLines(alert), discordFieldUnits, encode).join('\n') }],
        timestamp: alert.time,
      },
    ],
    allowed_mentions: { parse: [] },
  };
}

function ntfyText(alert: Alert): string {
  const head = [
    clipStartBytes(escapeMarkup(alert.text), 800),
    ...fitting(detailLines(alert), 1200, escapeMarkup, utf8Bytes),
    ...fitting(earlierLines(alert), 1000, escapeMarkup, utf8Bytes),
  ].join('\n');
  const log = fitting(alert.tail.toReversed(), ntfyBytes - utf8Bytes(head) - 2, escapeMarkup, utf8Bytes).reverse();
  return log.length === 0 ? head : `${head}\n\n${log.join('\n')}`;
}

// Of the lines in their encoded form, each cut to a few hundred characters, the first ones that fit together.
function fitting(
  lines: readonly string[],
  limit: number,
  encode: (text: string) => string,
  sizeOf: (text: string) => number = text => text.length,
): string[] {
  const kept: string[] = [];
  let size = 0;
  for (const line of lines) {
    const next = encode(clipStart(line, 300));
    size += sizeOf(next) + 1;
    if (size > limit) break;
    kept.push(next);
  }
  return kept;
}

// Escaping lengthens: cut before it, so that no escape is cut in two.
function encodeWithin(text: string, limit: number, encode: (text: string) => string): string {
  for (let units = limit; ; units = Math.floor(units * 0.7)) {
    const encoded = encode(clipStart(text, units));
    if (encoded.length <= limit) return encoded;
  }
}
