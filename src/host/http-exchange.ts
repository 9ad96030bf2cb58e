/**
 * One bounded HTTP exchange: a total time limit, a size limit, no redirect ever followed (what was sent may hold a key),
 * a connection of its own. node:http and not fetch: with it 6 MB and 5 ms are loaded, with fetch 17 MB and 40 ms.
 */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http';
import { Agent, type RequestOptions, request as requestTls } from 'node:https';
import { type ConnectionOptions, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { durationText, timerMs } from '../core/units.ts';
import { openRegular } from './read-file.ts';

/** What is sent, and how much patience there is. */
export interface Ask {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** From the name's resolution to the last byte of the answer. */
  readonly timeLimitMs: number;
  readonly answerLimitBytes: number;
  readonly abort: AbortSignal | null;
  /** Asks whether a server answers, not how well: what curl takes is taken, and `localhost` means both of its addresses. */
  readonly tolerant?: boolean;
  /** What a server's certificate may be signed by, from {@link trusting}; absent or null: the known authorities. */
  readonly trusted?: SecureContext | null;
  /** Where HTTPS_PROXY and NO_PROXY are looked up. Used for https only: a proxy sees what goes through it in plain. */
  readonly proxyEnv: Readonly<Record<string, string | undefined>> | null;
}

/** Someone answered. `cut`: why the body is not whole, if it is not. */
export interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly cut: 'size' | 'time' | 'lost' | null;
}

/** No status line came. `why` is for people and holds nothing of the URL but its host. */
export interface Unanswered {
  readonly kind: 'unanswered';
  readonly fault: 'time' | 'aborted' | 'network';
  readonly why: string;
}

const CERTIFICATES_BYTES = 1 << 20;
let made: { text: string; context: SecureContext } | null = null;

/** Trust in the known authorities and those whose certificates (PEM) are in the file. Rejects if it cannot be read or holds none. */
export async function trusting(path: string): Promise<SecureContext> {
  const file = await openRegular(path);
  try {
    const buffer = Buffer.alloc(CERTIFICATES_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    const text = buffer.toString('utf8', 0, bytesRead);
    // The known ones are many and take some milliseconds to read.
    if (made?.text !== text) made = { text, context: createSecureContext({ ca: [...rootCertificates, text] }) };
    return made.context;
  } finally {
    await file.close();
  }
}

/** Sends and waits for the answer. Never rejects. */
export function exchange(ask: Ask): Promise<Answered | Unanswered> {
  return new Promise(resolve => {
    if (ask.abort?.aborted) return resolve(aborted);
    let request: ClientRequest;
    try {
      request = open(ask);
    } catch (error) {
      // A header or URL that Node will not send.
      return resolve({ kind: 'unanswered', fault: 'network', why: `it cannot be asked (${codeOf(error)})` });
    }
    converse(ask, request, resolve);
  });
}

const aborted: Unanswered = { kind: 'unanswered', fault: 'aborted', why: 'cancelled because the watcher is stopping' };

function open(ask: Ask): ClientRequest {
  const headers: Record<string, string> = { 'user-agent': 'agent-watch', ...ask.headers };
  if (ask.body !== null) headers['content-length'] = String(Buffer.byteLength(ask.body));
  // Said here, since NODE_TLS_REJECT_UNAUTHORIZED, meant for the watched command, would say otherwise.
  const options: RequestOptions & Pick<ConnectionOptions, 'secureContext'> = {
    method: ask.method,
    headers,
    agent: false,
    rejectUnauthorized: true,
  };
  // Of a name's two addresses each has half of the time: Node would leave the first within half a second, and a slow server with it.
  Object.assign(options, { autoSelectFamilyAttemptTimeout: Math.max(500, ask.timeLimitMs / 2) });
  if (ask.tolerant === true) Object.assign(options, TOLERANT, isLocalhost(ask.url) ? { lookup: bothLoopbacks } : {});
  if (ask.url.protocol !== 'https:') return requestPlain(ask.url, options);
  if (ask.trusted) options.secureContext = ask.trusted;
  if (ask.proxyEnv !== null) options.agent = new Agent({ proxyEnv: { ...ask.proxyEnv } });
  return requestTls(ask.url, options);
}

/** Lines that end with a bare line feed, two equal lengths, many headers. */
const TOLERANT: RequestOptions = { insecureHTTPParser: true, maxHeaderSize: 1 << 20 };

const isLocalhost = (url: URL) => url.hostname === 'localhost';

/** A server binds one of them or the other, and not every hosts file names both. */
const bothLoopbacks: NonNullable<RequestOptions['lookup']> = (_host, options, done) => {
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  if (options.all === true) done(null, addresses);
  else done(null, '127.0.0.1', 4);
};

/** What the parser gave up on, if a status line begins it: then a server answers. */
function rawAnswer(error: unknown): Answered | null {
  const packet = error instanceof Error && 'rawPacket' in error ? error.rawPacket : null;
  if (!(packet instanceof Uint8Array)) return null;
  const text = Buffer.from(packet).toString('utf8');
  const status = /^HTTP\/\d(?:\.\d)? (\d{3})\b/.exec(text)?.[1];
  if (status === undefined) return null;
  const body = /\r?\n\r?\n([\s\S]*)/.exec(text)?.[1] ?? '';
  return { kind: 'answered', status: Number(status), headers: {}, body, cut: null };
}

function converse(ask: Ask, request: ClientRequest, resolve: (end: Answered | Unanswered) => void): void {
  let answer: { message: IncomingMessage; chunks: Buffer[]; bytes: number } | null = null;
  const finish = (cut: Answered['cut'], otherwise: Unanswered) => {
    clearTimeout(timer);
    ask.abort?.removeEventListener('abort', onAbort);
    if (answer === null) resolve(otherwise);
    else {
      const { statusCode = 0, headers } = answer.message;
      const body = Buffer.concat(answer.chunks).toString('utf8', 0, ask.answerLimitBytes);
      resolve({ kind: 'answered', status: statusCode, headers, body, cut });
    }
    request.destroy();
  };
  const timer = setTimeout(
    () => finish('time', { kind: 'unanswered', fault: 'time', why: `no answer in ${durationText(ask.timeLimitMs)}` }),
    timerMs(ask.timeLimitMs),
  );
  const onAbort = () => finish('lost', aborted);
  ask.abort?.addEventListener('abort', onAbort);
  const onLost = (error: unknown) => {
    const raw = ask.tolerant === true && answer === null ? rawAnswer(error) : null;
    if (raw === null) return lost(error);
    resolve(raw);
    finish(null, aborted);
  };
  const lost = (error: unknown) => finish('lost', { kind: 'unanswered', fault: 'network', why: wordsFor(error) });
  request.on('error', onLost);
  request.on('response', message => {
    const got = { message, chunks: [] as Buffer[], bytes: 0 };
    answer = got;
    message.on('data', (chunk: Buffer) => {
      got.chunks.push(chunk);
      got.bytes += chunk.length;
      if (got.bytes > ask.answerLimitBytes) finish('size', aborted);
    });
    message.on('end', () => finish(null, aborted));
    message.on('error', onLost);
    message.on('close', () => finish('lost', aborted));
  });
  request.end(ask.body ?? undefined);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no error code';

// Node's own messages quote addresses and sometimes the raw answer; these say as much, and nothing secret.
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name could not be looked up',
  EHOSTUNREACH: 'its host cannot be reached',
  ENETUNREACH: 'its network cannot be reached',
  ETIMEDOUT: 'no connection in time',
};

function wordsFor(error: unknown): string {
  const code = codeOf(error);
  if (code.startsWith('HPE_')) return `its answer is not HTTP (${code})`;
  return words[code] === undefined ? `the exchange failed (${code})` : `${words[code]} (${code})`;
}

/**
 * A `Retry-After` header in ms: seconds, or an HTTP date, which is taken against `nowWallMs`. Null if absent or not readable.
 * Source: RFC 9110, 10.2.3; some servers send fractions of a second.
 */
export function retryAfterMs(header: string | undefined, nowWallMs: number): number | null {
  const text = header?.trim() ?? '';
  if (text === '') return null;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowWallMs);
}
