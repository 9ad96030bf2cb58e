import { readKeyFile } from '../diagnosis/endpoint.ts';
import type { AftermathOrder } from './aftermath.ts';

/** Part of an address so long is no word of a path: it is what makes the address a secret. */
const SECRET_PART_CHARS = 16;

/** Our own secrets beside those of the environment: addresses of which only the host is shown, and the key in a file. */
export function ownSecrets({ alerts, diagnosis }: AftermathOrder): string[] {
  const targets = (alerts?.targets ?? []).flatMap(target => (target.kind === 'webhook' ? [target.url] : []));
  const urls = [...targets, ...(alerts?.heartbeat ? [alerts.heartbeat.url] : [])];
  const parts = urls.flatMap(({ pathname, search }) => `${pathname}${search}`.split(/[/?&=]/));
  const key = diagnosis?.keyFile ? readKeyFile(diagnosis.keyFile) : null;
  return [
    ...urls.map(({ href }) => href),
    ...parts.filter(part => part.length >= SECRET_PART_CHARS),
    ...(diagnosis?.url ? [diagnosis.url] : []),
    ...(key !== null && 'key' in key ? [key.key] : []),
  ];
}
