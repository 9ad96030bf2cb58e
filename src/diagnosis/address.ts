/** Where a model is asked: base addresses as the provider's own SDK takes them, and what kind of host they name. */

/** A base address that can be used, or why not. The reason never holds the address: it may carry a password. */
export type Base = { readonly base: URL } | { readonly refused: string };

/** Anthropic's: without `/v1`, which is taken off if it was given. */
export const anthropicBase = (given: string | undefined): Base =>
  readBase(given ?? 'https://api.anthropic.com', path => path.replace(/\/v1(?:\/messages)?$/, ''));

/** OpenAI's: with `/v1`, which is added if the path is empty; a whole `/chat/completions` address is taken too. */
export const openaiBase = (given: string | undefined): Base =>
  readBase(given ?? 'https://api.openai.com/v1', path => path.replace(/\/chat\/completions$/, '') || '/v1');

/** Ollama's, from `--llm-url` or OLLAMA_HOST, which is the server's bind address too: it may lack scheme, host or port, or be 0.0.0.0. */
export function ollamaBase(given: string | undefined): Base {
  const text = given?.trim() || '127.0.0.1:11434';
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

function readBase(text: string, tidy: (path: string) => string): Base {
  let base: URL;
  try {
    base = new URL(text.trim());
  } catch {
    return { refused: 'its address is no URL' };
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
