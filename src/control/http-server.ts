import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Status } from '../core/status.ts';
import { reasonOf } from '../host/errno.ts';

/** Where to listen, and what a caller must know. */
export interface HttpServerSpec {
  host: string;
  port: number;
  /** Null: everybody who can connect may read, which is for loopback only. */
  token: string | null;
}

/** What is told. */
export interface HttpViews {
  ready(): boolean;
  /** JSON text. */
  status(): string;
  metrics(): Promise<{ type: string; text: string }>;
}

/** The read-only view over HTTP: no output of the child, no arguments of its command, and nothing can be changed. */
export interface HttpServer {
  close(): void;
}

/** So long a connection may be silent, its headers may take, and it may last at all. */
const IDLE_MS = 5000;
const LIFETIME_MS = 60_000;
/** Of one address, a quarter of it. */
const MOST_CONNECTIONS = 64;

/** Listens; returns why it cannot, in one phrase. */
export async function openHttpServer(spec: HttpServerSpec, views: HttpViews): Promise<HttpServer | string> {
  const limits = { requestTimeout: IDLE_MS, headersTimeout: IDLE_MS, keepAliveTimeout: IDLE_MS, maxHeaderSize: 8192 };
  const busy = new WeakSet<Socket>();
  const server = createServer({ ...limits, connectionsCheckingInterval: 1000 }, (request, response) => {
    const { socket } = request;
    // A second request before the first is answered: whoever sends them and never reads would fill our memory.
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    void respond(spec, views, request, response);
  });
  server.on('connection', admit());
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

/**
 * Lets every connection in, and for one too many the oldest go: so silent ones cannot keep out whoever asks whether we live, which
 * takes a millisecond.
 */
function admit(): (socket: Socket) => void {
  const open = new Set<Socket>();
  const drop = (sockets: Socket[], most: number) => {
    for (const socket of sockets.slice(0, Math.max(0, sockets.length - most))) socket.destroy();
  };
  return socket => {
    const { remoteAddress } = socket;
    open.add(socket);
    const old = setTimeout(() => socket.destroy(), LIFETIME_MS);
    socket.once('close', () => {
      open.delete(socket);
      clearTimeout(old);
    });
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    drop(
      [...open].filter(other => other.remoteAddress === remoteAddress),
      MOST_CONNECTIONS / 4,
    );
    drop([...open], MOST_CONNECTIONS);
  };
}

type Reply = [code: number, type: string, text: string];
const PLAIN = 'text/plain; charset=utf-8';

async function respond(
  spec: HttpServerSpec,
  views: HttpViews,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [code, type, text] = await reply(spec, views, request).catch((): Reply => [500, PLAIN, 'internal error\n']);
  response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  response.end(request.method === 'HEAD' ? '' : text);
}

async function reply({ token }: HttpServerSpec, views: HttpViews, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, PLAIN, 'read-only\n'];
  const path = (request.url ?? '/').split('?')[0];
  // The orchestrator's own probes carry no token, and these two tell nothing else.
  if (path === '/livez') return [200, PLAIN, 'ok\n'];
  // Without a token we are on loopback, where a web page could ask by a name of its own that leads here (DNS rebinding).
  if (token === null && !isLoopbackName(request.headers.host)) return [421, PLAIN, 'not served under this host name\n'];
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

function isLoopbackName(host: string | undefined): boolean {
  return host === undefined || /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])?(?::\d*)?$/i.test(host.trim());
}

function isTold(token: string, header: string | undefined): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The series of one watched name, in Prometheus' text format. */
export interface Metrics {
  /** A run ended, for that reason. */
  ended(cause: string): void;
  incident(category: string): void;
  wrote(stream: 'stdout' | 'stderr', bytes: number): void;
  text(status: Status): Promise<{ type: string; text: string }>;
}

const PHASES: readonly Status['phase'][] = [
  'starting',
  'running',
  'healthy',
  'unhealthy',
  'stopping',
  'checking',
  'backoff',
  'cooldown',
  'limited',
  'waiting',
  'held',
  'finished',
  'stopped',
];
const UP: ReadonlySet<Status['phase']> = new Set(['running', 'healthy', 'unhealthy', 'stopping']);

export function createMetrics(name: string, version: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ name });
  const registers = [registry];
  const gauge = (short: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `agent_watch_${short}`, help, labelNames, registers });
  const counter = (short: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `agent_watch_${short}`, help, labelNames, registers });
  gauge('info', 'Always 1; the version of the watcher is a label.', ['version']).set({ version }, 1);
  const up = gauge('up', '1 while the child runs.');
  const phase = gauge('phase', '1 for the phase it is in, 0 for the others.', ['phase']);
  const restarts = gauge('restarts', 'Starts after the first under this name, over watchers and reboots.');
  const ends = counter('run_ends_total', 'Ends of runs since the watcher started, by cause.', ['cause']);
  const backoff = gauge('backoff_seconds', 'The wait in progress, else the next one.');
  const limited = gauge(
    'limited_until_seconds',
    'Unix time at which a limit ends, as the output names it; 0: none, or unknown.',
  );
  const crashes = gauge('crashes_in_window', 'Crashes that count for a cooldown.');
  const uptime = gauge('uptime_seconds', 'Of the run that is up; 0 if none is.');
  const memory = gauge('child_memory_bytes', 'Resident memory of the whole tree at the last sample.');
  const incidents = counter('incidents_total', 'Incidents since the watcher started, by category.', ['category']);
  const output = counter('output_bytes_total', 'What the child wrote since the watcher started.', ['stream']);
  const dropped = gauge('log_dropped_bytes', 'What the log on disk had to drop.');
  const probes = gauge('probe_ok', '1 if the probe is well, 0 if not; absent while it is not known.', [
    'probe',
    'severity',
  ]);
  for (const stream of ['stdout', 'stderr']) output.inc({ stream }, 0);

  return {
    ended: cause => ends.inc({ cause }),
    incident: category => incidents.inc({ category }),
    wrote: (stream, bytes) => output.inc({ stream }, bytes),
    async text(status) {
      up.set(UP.has(status.phase) ? 1 : 0);
      for (const one of PHASES) phase.set({ phase: one }, one === status.phase ? 1 : 0);
      restarts.set(status.restarts);
      backoff.set(status.backoffMs / 1000);
      limited.set(status.limit?.until == null ? 0 : Date.parse(status.limit.until) / 1000);
      crashes.set(status.crashesInWindow);
      uptime.set((status.uptimeMs ?? 0) / 1000);
      memory.set(status.memoryBytes ?? 0);
      dropped.set(status.logDroppedBytes);
      probes.reset();
      for (const { name: probe, severity, ok } of status.health)
        if (ok !== null) probes.set({ probe, severity }, ok ? 1 : 0);
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
