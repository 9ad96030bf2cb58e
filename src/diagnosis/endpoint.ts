import { statSync } from 'node:fs';
import { readTrustedFile } from '../host/trusted-file.ts';

/** Where a model is asked: base addresses as the provider's own SDK takes them, and what kind of host they name. */

/** A base address that can be used, or why not. The reason never holds the address: it may carry a password. */
export type Base = { readonly base: URL } | { readonly refused: string };

/** Anthropic's: without `/v1`, which is taken off if it was given. */
export const anthropicBase = (given: string | URL | undefined): Base =>
  readBase(given ?? 'https://api.anthropic.com', path => path.replace(/\/v1(?:\/messages)?$/, ''));

/** OpenAI's: with `/v1`, which is added if the path is empty; a whole `/chat/completions` address is taken too. */
export const openaiBase = (given: string | URL | undefined): Base =>
  readBase(given ?? 'https://api.openai.com/v1', path => path.replace(/\/chat\/completions$/, '') || '/v1');

/** Ollama's, from `--llm-url` or OLLAMA_HOST, which is the server's bind address too: it may lack scheme, host or port, or be 0.0.0.0. */
export function ollamaBase(given: string | URL | undefined): Base {
  const text = typeof given === 'object' ? given.href : given?.trim() || '127.0.0.1:11434';
  const hasScheme = /^https?:\/\//i.test(text);
  // With a scheme the port is the scheme's own, as Ollama's client reads it.
  const url = readBase(hasScheme ? text : `http://${bracketed(text)}`, path => path.replace(/\/(?:api|v1)$/, ''));
  if ('refused' in url) return url;
  if (!hasScheme && url.base.port === '' && !/:80(?:\/|$)/.test(text)) url.base.port = '11434';
  if (url.base.hostname === '0.0.0.0' || url.base.hostname === '[::]') url.base.hostname = '127.0.0.1';
  return url;
}

// `:11434` has no host, `::1` no brackets.
function bracketed(text: string): string {
  if (/^:\d+/.test(text)) return `127.0.0.1${text}`;
  return /^[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]` : text;
}

function readBase(given: string | URL, tidy: (path: string) => string): Base {
  let base: URL;
  try {
    base = new URL(typeof given === 'string' ? given.trim() : given);
  } catch {
    return { refused: 'its address is not a URL' };
  }
  if (base.protocol !== 'https:' && base.protocol !== 'http:')
    return { refused: `its address begins with ${base.protocol} and not with https:` };
  base.pathname = tidy(base.pathname.replace(/\/+$/, ''));
  if (base.protocol === 'http:' && base.password !== '' && !isLoopback(base.hostname))
    return { refused: 'its address carries a password, which is never sent over plain http to another host' };
  return { base };
}

/** `base` with a path below its own; its query stays (some gateways want one). */
export function below(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`;
  return url;
}

/** This machine. */
export const isLoopback = (hostname: string): boolean =>
  /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/i.test(hostname);

/** This machine or the network around it, by address range or by a name that no public zone has. */
export const isNear = (hostname: string): boolean =>
  isLoopback(hostname) ||
  /^(?:10(?:\.\d+){3}|192\.168(?:\.\d+){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2}|169\.254(?:\.\d+){2})$/.test(
    hostname,
  ) ||
  /^\[f(?:[cd]|e[89ab])[0-9a-f:]*\]$/i.test(hostname) ||
  /^[^.[\]]+$|\.(?:local|internal|lan|home\.arpa)$/i.test(hostname);

// Which key goes to which host. A key comes from the environment or a file, and never travels in plain to another host.

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
  // A server of one's own needs none, and a key in the environment is most likely meant for another one.
  if (isNear(base.hostname)) return { headers: {} };
  if (key !== '') return { refused: 'a key is never sent over plain http to another host; use https' };
  return { refused: `there is no key: set ${variable} or --llm-key-file` };
}

// A place where a model is asked.

/** The address and how to be let in. The key is read anew for each question, so that a rotated one is found. */
export interface Site {
  readonly base: URL;
  readonly onThisMachine: boolean;
  readonly credentials: () => Credentials;
  /** The watcher's environment, for the proxy. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What every provider is asked, and what comes back. */

/** One question. `user` ends with the log. */
export interface Question {
  readonly system: string;
  readonly user: string;
}

/** The patience one question gets. */
export interface Patience {
  /** For one try, in ms. */
  readonly timeoutMs: number;
  readonly abort: AbortSignal;
}

/** Tokens of one exchange, as the provider counts them. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
}

/** What the model wrote, raw. */
export interface Answer {
  readonly kind: 'answer';
  readonly text: string;
  /** The model that answered, null if there is none to name. */
  readonly model: string | null;
  readonly tokens: Tokens | null;
}

/**
 * No answer. `why` is a clause for people. `verdict`: may it be tried once more now (`again`), only after a pause
 * (`later`), or not before a restart of the watcher (`never`: the key, the model or the account is wrong).
 */
export interface Failure {
  readonly kind: 'failure';
  readonly why: string;
  readonly verdict: 'again' | 'later' | 'never';
  /** How long the provider wants to be left alone, if it said so. */
  readonly retryAfterMs: number | null;
}

/** Asks one model. Never rejects. */
export interface Provider {
  /** As incidents name it: `anthropic`, `openai`, `ollama`, `command`. */
  readonly source: string;
  /** It computes on this machine, so that asking it takes memory from the child. */
  readonly onThisMachine: boolean;
  ask(question: Question, patience: Patience): Promise<Answer | Failure>;
}

/** A failure that no provider's error table is needed for. */
export const failure = (verdict: Failure['verdict'], why: string, retryAfterMs: number | null = null): Failure => ({
  kind: 'failure',
  why,
  verdict,
  retryAfterMs,
});
