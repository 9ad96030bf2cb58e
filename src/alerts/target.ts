/** Where alerts go. A webhook's address is a secret: whoever has it can write there, so only its host is ever shown. */
import { isAbsolute, resolve } from 'node:path';
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

/** The options, as given. */
export interface TargetSettings {
  /** `URL` or `@FILE` each. Empty: the environment's, if there is one. */
  readonly webhooks: readonly string[];
  readonly format: Format | null;
  readonly commands: readonly string[];
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From where relative paths are meant. */
  readonly cwd: string;
}

/** The receivers, what was wrong with the others (nothing secret in it), and what has to be said at the start. */
export interface Targets {
  readonly targets: readonly Target[];
  readonly faults: readonly string[];
  readonly notes: readonly string[];
}

const variables = ['AGENT_WATCH_ALERT_WEBHOOK', 'ALERT_WEBHOOK'] as const;

/** Reads the options. Never throws. */
export function readTargets(settings: TargetSettings): Targets {
  const { webhooks, commands, files, env, cwd } = settings;
  const variable = variables.find(name => (env[name] ?? '').trim() !== '');
  const fromEnvironment = webhooks.length === 0 && variable !== undefined;
  const given = fromEnvironment ? [env[variable] ?? ''] : webhooks;
  const faults: string[] = [];
  const notes: string[] = [];
  const targets: Target[] = [];
  for (const [index, text] of given.entries()) {
    const read = readSecretUrl(text, cwd);
    if ('refused' in read) {
      faults.push(`${fromEnvironment ? `$${variable}` : 'alert-webhook'}: ${read.refused}`);
      continue;
    }
    const shown = shownUrl(read.url);
    const format = settings.format ?? formatOf(read.url);
    if (format === 'telegram' && !read.url.searchParams.has('chat_id'))
      faults.push('alert-webhook: a Telegram address needs a chat: …/bot<token>/sendMessage?chat_id=<id>');
    targets.push({ key: `webhook:${index}`, shown, kind: 'webhook', url: read.url, format, withLog: !fromEnvironment });
    // Nobody asked on this command line for it: so it is said, and no log goes there.
    if (fromEnvironment) notes.push(`alerts go to ${shown}, as $${variable} says, without lines of the log`);
  }
  for (const [index, command] of commands.entries())
    targets.push({ key: `command:${index}`, shown: 'the alert command', kind: 'command', command });
  for (const [index, path] of files.entries())
    targets.push({
      key: `file:${index}`,
      shown: path,
      kind: 'file',
      path: isAbsolute(path) ? path : resolve(cwd, path),
    });
  return { targets, faults, notes };
}

/** A secret address: `URL`, or `@FILE`, whose first line it is. The reason of a refusal holds no part of it. */
export function readSecretUrl(text: string, cwd: string): { readonly url: URL } | { readonly refused: string } {
  let address = text.trim();
  if (address.startsWith('@')) {
    const path = resolve(cwd, address.slice(1));
    const file = readTrustedFile(path);
    if ('refused' in file) return { refused: `${path} ${file.refused}` };
    address = file.text.split('\n', 1)[0]?.trim() ?? '';
    if (address === '') return { refused: `${path} is empty` };
  }
  try {
    const url = new URL(address);
    if (url.protocol === 'https:' || url.protocol === 'http:') return { url };
  } catch {
    // Told below, without the text: it may be half of a secret.
  }
  return { refused: 'not an http or https URL' };
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
