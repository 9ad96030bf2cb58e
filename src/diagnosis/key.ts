/** Which key goes to which host. A key comes from the environment or a file, and never travels in plain to another host. */
import { statSync } from 'node:fs';
import { readTrustedFile } from '../host/trusted-file.ts';
import { isLoopback, isNear } from './address.ts';

/** The headers that carry the key (none where the host needs none), or why there is no asking. */
export type Credentials = { readonly headers: Readonly<Record<string, string>> } | { readonly refused: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** The key in a file: its first line. Refused if others own it, may write it or may read it. */
export function readKeyFile(path: string): { readonly key: string } | { readonly refused: string } {
  const file = readTrustedFile(path);
  if ('refused' in file) return { refused: `the key file ${file.refused}` };
  // Group members may read: that is how container engines hand secrets to a process that is not root.
  if ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o004)
    return { refused: 'the key file may be read by every user (chmod 600)' };
  const key = file.text.split('\n', 1)[0]?.trim() ?? '';
  if (key === '') return { refused: 'the key file is empty' };
  if (!/^[\x21-\x7e]+$/.test(key)) return { refused: 'the key file holds no key' };
  return { key };
}

/** For the Messages API: `x-api-key`, or a bearer token for gateways. */
export function anthropicCredentials(base: URL, keyFile: string | null, env: Environment): Credentials {
  const token = env['ANTHROPIC_API_KEY'] ? null : env['ANTHROPIC_AUTH_TOKEN'];
  const found = keyFile === null ? (env['ANTHROPIC_API_KEY'] ?? '') || (token ?? '') : null;
  const header = (key: string): Record<string, string> =>
    token && keyFile === null ? { authorization: `Bearer ${key}` } : { 'x-api-key': key };
  return credentials(base, keyFile, found, header, 'ANTHROPIC_API_KEY');
}

/** For Chat Completions: a bearer token, by the host's own variable first. */
export function openaiCredentials(base: URL, keyFile: string | null, env: Environment): Credentials {
  const own = base.hostname === 'openrouter.ai' ? env['OPENROUTER_API_KEY'] : undefined;
  return credentials(base, keyFile, (own ?? '') || (env['OPENAI_API_KEY'] ?? ''), bearer, 'OPENAI_API_KEY');
}

/** For Ollama: none, but for its cloud or a proxy in front of it. */
export function ollamaCredentials(base: URL, keyFile: string | null, env: Environment): Credentials {
  const found = credentials(base, keyFile, env['OLLAMA_API_KEY'] ?? '', bearer, 'OLLAMA_API_KEY');
  return 'refused' in found && keyFile === null ? { headers: {} } : found;
}

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

function credentials(
  base: URL,
  keyFile: string | null,
  fromEnvironment: string | null,
  header: (key: string) => Record<string, string>,
  variable: string,
): Credentials {
  const mayTravel = base.protocol === 'https:' || isLoopback(base.hostname);
  if (keyFile !== null) {
    if (!mayTravel) return { refused: 'a key is never sent over plain http to another host; use https' };
    const read = readKeyFile(keyFile);
    return 'refused' in read ? read : { headers: header(read.key) };
  }
  const key = (fromEnvironment ?? '').trim();
  if (key !== '' && mayTravel)
    return /^[\x21-\x7e]+$/.test(key) ? { headers: header(key) } : { refused: `${variable} holds no key` };
  // A server of one's own needs none, and one in the environment is most likely meant for somebody else.
  if (isNear(base.hostname)) return { headers: {} };
  if (key !== '') return { refused: 'a key is never sent over plain http to another host; use https' };
  return { refused: `there is no key: set ${variable} or --llm-key-file` };
}
