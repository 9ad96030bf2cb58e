/** One alert in the words of each receiver, within its limits. Pure. */
import { clipStart, utf8Bytes } from '../core/text.ts';
import { zonedTime } from '../host/clock.ts';
import { type Alert, type AlertKind, escapeMarkup, type Severity } from './alert.ts';

/** The shapes that webhooks take. */
export type Format = 'slack' | 'discord' | 'ntfy' | 'telegram' | 'generic';

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
      title: alert.title.replace(/[^\x20-\x7e]+/g, '?').slice(0, 200),
      priority: String(urgency[alert.event]),
      tags: tags[alert.severity],
    },
    body: ntfyText(alert),
  }),
  // The chat is named in the address: …/sendMessage?chat_id=…
  telegram: alert => json({ text: telegramText(alert), link_preview_options: { is_disabled: true } }),
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
  unusual: 3,
  start: 2,
  stop: 3,
};

/** Names of emoji that Slack and ntfy know, and the emoji themselves. */
const tags: Readonly<Record<Severity, string>> = {
  critical: 'rotating_light',
  warning: 'warning',
  info: 'white_check_mark',
};
const emoji: Readonly<Record<Severity, string>> = { critical: '\u{1f6a8}', warning: '\u26a0\ufe0f', info: '\u2705' };
/** Discord's colour of an embed. */
const colours: Readonly<Record<Severity, number>> = { critical: 0xd92d20, warning: 0xf79009, info: 0x17b26a };

/** What there is to say besides title and text: the key line first, then what to do, a line each. */
export function detailLines(alert: Alert): string[] {
  const { keyLine, probe, prior, diagnosis, recommendation, command } = alert;
  const model = diagnosis?.model == null ? '' : ` by ${diagnosis.model}`;
  return [
    ...(keyLine === null ? [] : [keyLine]),
    ...(probe?.message == null || isIn(keyLine, probe.message) ? [] : [`${probe.name}: ${probe.message}`]),
    ...(recommendation === null ? [] : [recommendation]),
    ...(command === null ? [] : [command]),
    `on ${alert.host}, ${zonedTime(alert.at)}`,
    // A recommendation counts them.
    ...(prior === null || prior.count === 0 || recommendation !== null
      ? []
      : [`seen ${prior.count} times before${prior.lastAt === null ? '' : `, last ${zonedTime(prior.lastAt)}`}`]),
    ...(diagnosis === null ? [] : [`a guess${model}: ${diagnosis.text}`]),
  ];
}

/** The measurement that is a key line begins with a capital letter. */
const isIn = (keyLine: string | null, message: string) =>
  keyLine?.toLowerCase().includes(message.toLowerCase()) === true;

/** Key line, then what happened and comes next, then the rest: for receivers that show one text under a title. */
function bodyLines(alert: Alert): string[] {
  const [first, ...rest] = detailLines(alert);
  return alert.keyLine === null || first === undefined
    ? [alert.text, ...detailLines(alert)]
    : [first, alert.text, ...rest];
}

const earlierLines = (alert: Alert): string[] =>
  alert.earlier.length === 0 ? [] : ['could not be delivered before:', ...alert.earlier];

function slackText(alert: Alert): string {
  const encode = (text: string) =>
    escapeMarkup(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const head = [
    `:${tags[alert.severity]}: *${encodeWithin(alert.title.replaceAll('*', ''), 300, encode)}*`,
    ...fitting(bodyLines(alert), 1300, encode),
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
        title: clipStart(escapeMarkup(alert.title), 250),
        color: colours[alert.severity],
        ...(log.length === 0 ? {} : { description: `\`\`\`\n${log.join('\n')}\n\`\`\`` }),
        fields: [{ name: 'Details', value: fitting(detailLines(alert), discordFieldUnits, encode).join('\n') }],
        timestamp: alert.at,
      },
    ],
    allowed_mentions: { parse: [] },
  };
}

function ntfyText(alert: Alert): string {
  const head = [
    ...fitting(bodyLines(alert), 2000, escapeMarkup, utf8Bytes),
    ...fitting(earlierLines(alert), 1000, escapeMarkup, utf8Bytes),
  ].join('\n');
  const log = fitting(alert.tail.toReversed(), ntfyBytes - utf8Bytes(head) - 2, escapeMarkup, utf8Bytes).reverse();
  return log.length === 0 ? head : `${head}\n\n${log.join('\n')}`;
}

const telegramUnits = 4000;

/** Plain text: without a parse mode nothing in it means anything but links, of which no preview is made. */
function telegramText(alert: Alert): string {
  const head = [
    `${emoji[alert.severity]} ${clipStart(escapeMarkup(alert.title), 300)}`,
    ...fitting(bodyLines(alert), 1800, escapeMarkup),
    ...fitting(earlierLines(alert), 800, escapeMarkup),
  ].join('\n');
  const log = fitting(alert.tail.toReversed(), telegramUnits - head.length - 2, escapeMarkup).reverse();
  return log.length === 0 ? head : `${head}\n\n${log.join('\n')}`;
}

// Of the lines in their encoded form, each cut to 500 characters, the first ones that fit together.
function fitting(
  lines: readonly string[],
  limit: number,
  encode: (text: string) => string,
  sizeOf: (text: string) => number = text => text.length,
): string[] {
  const kept: string[] = [];
  let size = 0;
  for (const line of lines) {
    const next = encode(clipStart(line, 500));
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
