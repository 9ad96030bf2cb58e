import type { Policy } from '../core/model.ts';
import { readTrustedFile } from '../host/trusted-file.ts';
import type { Onlooker } from '../supervisor/onlooker.ts';
import { version } from './environment.ts';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

/** The view over HTTP, if --listen asks for one. Throws a UsageError for a token file that is none, or not to be trusted. */
export async function listenerOf(
  { service, command }: Settings,
  watched: { name: string; policy: Policy; warn(text: string): void },
): Promise<Onlooker[]> {
  const { listen, listenTokenFile } = service;
  if (listen === null) return [];
  const token = listenTokenFile === null ? null : tokenIn(listenTokenFile);
  const { createListening } = await import('../supervisor/listening.ts');
  return [createListening({ ...listen, ...watched, token, command, version })];
}

function tokenIn(path: string): string {
  const read = readTrustedFile(path);
  if ('refused' in read) throw new UsageError(`--listen-token-file: ${read.refused}`);
  const token = read.text.trim();
  if (token.length < 16) throw new UsageError(`--listen-token-file: ${path} holds less than 16 characters`);
  return token;
}
