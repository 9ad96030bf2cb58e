/** Where alerts go. A webhook's address is a secret: whoever has it can write there, so only its host is ever shown. */
import { readTrustedFile } from '../host/trusted-file.ts';
import type { Format } from './formats.ts';

/** One receiver. `key` names it in the queue, by its place and not by its address. */
export type Target = { readonly key: string; readonly shown: string } & (
  | {
      readonly kind: 'webhook';
      readonly url: URL;
      readonly format: Format;
      /** Whether the end of the log may go there. */
      readonly withLog: boolean;
    }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'file'; readonly path: string }
);

/** A secret address: never shown whole. `file`: an absolute path; its first line is the address. */
export type SecretUrl = { readonly url: URL } | { readonly file: string };

/** Variables that name a webhook where no option does. */
export const WEBHOOK_VARIABLES = ['AGENT_WATCH_ALERT_WEBHOOK', 'ALERT_WEBHOOK'] as const;

/** A webhook and where its address came from: one from the environment is said at start and gets no log lines. */
export interface Webhook {
  readonly target: SecretUrl;
  readonly from: 'option' | (typeof WEBHOOK_VARIABLES)[number];
}

/** The receivers that were asked for. Paths are absolute. */
export interface TargetSettings {
  readonly webhooks: readonly Webhook[];
  readonly format: Format | null;
  readonly commands: readonly string[];
  readonly files: readonly string[];
}

/** The receivers, what was wrong with the others (nothing secret in it), and what has to be said at the start. */
export interface Targets {
  readonly targets: readonly Target[];
  readonly faults: readonly string[];
  readonly notes: readonly string[];
}

/** Opens the addresses and names the receivers. Never throws. */
export function readTargets({ webhooks, commands, files, format: wanted }: TargetSettings): Targets {
  const faults: string[] = [];
  const notes: string[] = [];
  const targets: Target[] = [];
  for (const [index, { target, from }] of webhooks.entries()) {
    const fromEnvironment = from !== 'option';
    const read = openSecretUrl(target);
    if ('refused' in read) {
      faults.push(`${fromEnvironment ? `$${from}` : '--alert-webhook'}: ${read.refused}`);
      continue;
    }
    const shown = shownUrl(read.url);
    const format = wanted ?? formatOf(read.url);
    if (format === 'telegram' && !read.url.searchParams.has('chat_id'))
      faults.push('--alert-webhook: a Telegram address needs a chat: …/bot<token>/sendMessage?chat_id=<id>');
    targets.push({ key: `webhook:${index}`, shown, kind: 'webhook', url: read.url, format, withLog: !fromEnvironment });
    // Nobody asked on this command line for it: so it is said, and no log goes there.
    if (fromEnvironment) notes.push(`alerts go to ${shown}, as $${from} says, without lines of the log`);
  }
  for (const [index, command] of commands.entries())
    targets.push({ key: `command:${index}`, shown: 'the alert command', kind: 'command', command });
  for (const [index, path] of files.entries()) targets.push({ key: `file:${index}`, shown: path, kind: 'file', path });
  return { targets, faults, notes };
}

/** The address itself, read from its file if it is in one. The reason of a refusal holds no part of it. */
export function openSecretUrl(secret: SecretUrl): { readonly url: URL } | { readonly refused: string } {
  if ('url' in secret) return secret;
  const { file: path } = secret;
  const file = readTrustedFile(path);
  if ('refused' in file) return { refused: `${path} ${file.refused}` };
  const address = file.text.split('\n', 1)[0]?.trim() ?? '';
  if (address === '') return { refused: `${path} is empty` };
  const url = webUrl(address);
  return url === null ? { refused: `${path} holds no http or https URL` } : { url };
}

/** An http or https URL; null for anything else. */
export function webUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') ? url : null;
}

/** All that is ever shown of a secret address: its host. */
export function shownUrl(url: URL | string): string {
  try {
    return new URL(url).host;
  } catch {
    return 'an invalid address';
  }
}

/** The shape that a host is known to take. */
export function formatOf({ hostname, pathname }: URL): Format {
  if (/^hooks\.slack(?:-gov)?\.com$/.test(hostname)) return 'slack';
  // Discord takes Slack's shape at a path of its own.
  if (/(?:^|\.)discord(?:app)?\.com$/.test(hostname)) return pathname.endsWith('/slack') ? 'slack' : 'discord';
  if (/^ntfy\./.test(hostname)) return 'ntfy';
  if (hostname === 'api.telegram.org') return 'telegram';
  return 'generic';
}
