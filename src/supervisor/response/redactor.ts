import { stripControl } from '../../core/text.ts';
import { readKeyFile } from '../../diagnosis/endpoint.ts';
import { secretsOf, spellingsOf } from '../../incidents/redaction/exact-secrets.ts';
import { redact, redactAndLearn } from '../../incidents/redaction/redact.ts';
import type { NotificationSettings } from '../watch-order.ts';

/** What takes secrets and control sequences out of a text. */
export interface Redactor {
  clean(text: string): string;
  /** The text without them, and what cleans quotations of it: what it showed to be a secret is one wherever it stands. */
  read(text: string): { shown: string; clean(text: string): string };
}

/**
 * Knows the secrets of both environments and `secrets`, and what looks like one. Control sequences go first: one in the middle of a
 * key would hide it from those who look for keys, and not from whoever reads it.
 */
export function createRedactor(
  env: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[],
): Redactor {
  const exact = [...secretsOf({ ...process.env, ...env }), ...spellingsOf(secrets)];
  return {
    clean: text => redact(stripControl(text), exact),
    read(text) {
      const { text: shown, known } = redactAndLearn(stripControl(text), exact);
      return { shown, clean: quoted => redact(stripControl(quoted), known) };
    },
  };
}

/** The same for whoever cleans texts that stand for themselves. */
export function redactorFor(
  env: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[],
): (text: string) => string {
  return createRedactor(env, secrets).clean;
}

/** A part of an address this long is not a word of a path: it is what makes the address a secret. */
const SECRET_PART_CHARS = 16;

/** Our own secrets beside those of the environment: addresses of which only the host is shown, and the key in a file. */
export function configuredSecrets({ alerts, diagnosis, judge = null }: NotificationSettings): string[] {
  const targets = (alerts?.targets ?? []).flatMap(target => (target.kind === 'webhook' ? [target.url] : []));
  const urls = [...targets, ...(alerts?.heartbeat ? [alerts.heartbeat.url] : [])];
  const parts = urls.flatMap(({ pathname, search }) => `${pathname}${search}`.split(/[/?&=]/));
  const models = [diagnosis, judge?.model ?? null].filter(model => model !== null);
  const keys = models.map(({ keyFile }) => (keyFile === null ? null : readKeyFile(keyFile)));
  return [
    ...urls.map(({ href }) => href),
    ...parts.filter(part => part.length >= SECRET_PART_CHARS),
    ...models.flatMap(({ url }) => (url === null ? [] : [url.href])),
    ...keys.flatMap(key => (key !== null && 'key' in key ? [key.key] : [])),
  ];
}
