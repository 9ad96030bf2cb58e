import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { reasonOf } from '../host/errno.ts';

/** Where to listen, and what a caller must know. */
export interface FaceSpec {
  host: string;
  port: number;
  /** Null: everybody who can connect may read, which is for loopback only. */
  token: string | null;
}

/** What is told. */
export interface FaceViews {
  ready(): boolean;
  /** JSON text. */
  status(): string;
  metrics(): Promise<{ type: string; text: string }>;
}

/** The read-only view over HTTP: no output of the child, no arguments of its command, and nothing can be changed. */
export interface HttpFace {
  close(): void;
}

/** Listens; returns why it cannot, in one phrase. */
export async function openHttpFace(spec: FaceSpec, views: FaceViews): Promise<HttpFace | string> {
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192 },
    (request, response) => {
      void respond(spec, views, request, response);
    },
  );
  server.maxConnections = 32;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(spec.port, spec.host, resolve);
    });
  } catch (error) {
    return reasonOf(error);
  }
  // No descriptors left, say: a face that cannot be seen for a while ends no watcher.
  server.on('error', () => undefined);
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Reply = [code: number, type: string, text: string];
const PLAIN = 'text/plain; charset=utf-8';

async function respond(
  spec: FaceSpec,
  views: FaceViews,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [code, type, text] = await reply(spec, views, request).catch((): Reply => [500, PLAIN, 'a fault of its own\n']);
  response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  response.end(request.method === 'HEAD' ? '' : text);
}

async function reply({ token }: FaceSpec, views: FaceViews, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, PLAIN, 'read-only\n'];
  const path = (request.url ?? '/').split('?')[0];
  // The orchestrator's own probes carry no token, and these two tell nothing else.
  if (path === '/livez') return [200, PLAIN, 'ok\n'];
  if (path === '/readyz') return views.ready() ? [200, PLAIN, 'ok\n'] : [503, PLAIN, 'not ready\n'];
  if (token !== null && !isTold(token, request.headers.authorization))
    return [401, PLAIN, 'a bearer token is needed\n'];
  if (path === '/status') return [200, 'application/json; charset=utf-8', `${views.status()}\n`];
  if (path === '/metrics') {
    const { type, text } = await views.metrics();
    return [200, type, text];
  }
  return [404, PLAIN, 'here are /livez, /readyz, /status and /metrics\n'];
}

function isTold(token: string, header: string | undefined): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
