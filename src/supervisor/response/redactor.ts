import { stripControl } from '../../core/text/escape.ts';
import { readKeyFile } from '../../diagnosis/endpoint.ts';
import { secretsOf, spellingsOf } from '../../incidents/redaction/exact-secrets.ts';
import { redact } from '../../incidents/redaction/redact.ts';
import type { NotificationSettings } from '../watch-order.ts';

/**
 * What takes secrets and control sequences out of a text: those of both environments, `secrets`, and what looks like one.
 * Control sequences go first: one in the middle of a key would hide it from those who look for keys, and not from whoever
 * reads it.
 */
export function redactorFor(
  env: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[],
): (text: string) => string {
  const exact = [...secretsOf({ ...process.env, ...env }), ...spellingsOf(secrets)];
  return text => redact(stripControl(text), exact);
}

/** Part of an address so long is no word of a path: it is what makes the address a secret. */
const SECRET_PART_CHARS = 16;

/** Our own secrets beside those of the environment: addresses of which only the host is shown, and the key in a file. */
export function configuredSecrets({ alerts, diagnosis }: NotificationSettings): string[] {
  const targets = (alerts?.targets ?? []).flatMap(target => (target.kind === 'webhook' ? [target.url] : []));
  const urls = [...targets, ...(alerts?.heartbeat ? [alerts.heartbeat.url] : [])];
  const parts = urls.flatMap(({ pathname, search }) => `${pathname}${search}`.split(/[/?&=]/));
  const key = diagnosis?.keyFile ? readKeyFile(diagnosis.keyFile) : null;
  return [
    ...urls.map(({ href }) => href),
    ...parts.filter(part => part.length >= SECRET_PART_CHARS),
    ...(diagnosis?.url ? [diagnosis.url.href] : []),
    ...(key !== null && 'key' in key ? [key.key] : []),
  ];
}
