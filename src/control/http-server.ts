import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Status } from '../core/status.ts';
import { connectionOwner } from '../host/kernel-log.ts';
import { reasonOf } from '../host/read-file.ts';

/** Where to listen, and what a caller must know. */
export interface HttpServerSpec {
  host: string;
  port: number;
  /** Null: everybody who can connect may read, which is for loopback only. */
  token: string | null;
}

/** An answer. */
export interface Reply {
  code: number;
  /** Its content type. */
  type: string;
  text: string;
  headers?: OutgoingHttpHeaders;
}

/** What lies at a path. */
export interface View {
  /**
   * `everybody`: holds nothing that needs a token. `readers`: needs the token, where there is one. `owner`: needs the token, and without
   * one is only for programs of our own user and of root, since every user of the machine reaches its loopback.
   */
  audience: 'everybody' | 'readers' | 'owner';
  reply(query: URLSearchParams): Reply | Promise<Reply>;
}

/** What is told. `/livez` is answered by the server itself. */
export interface HttpViews {
  ready(): boolean;
  /** Null: there is nothing there. */
  view(path: string): View | null;
  /** The paths there are, for whoever asks for another one: `/status and /metrics`. */
  paths: string;
}

/** A read-only view over HTTP: nothing can be changed by it. */
export interface HttpServer {
  /** Where it listens; differs from what was asked for only if that was port 0. */
  port: number;
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
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : spec.port,
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

const PLAIN = 'text/plain; charset=utf-8';
const plain = (code: number, text: string): Reply => ({ code, type: PLAIN, text: `${text}\n` });

async function respond(
  spec: HttpServerSpec,
  views: HttpViews,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { code, type, text, headers } = await reply(spec, views, request).catch(() => plain(500, 'internal error'));
  const always = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  response.writeHead(code, { ...always, ...headers });
  response.end(request.method === 'HEAD' ? '' : text);
}

async function reply({ token }: HttpServerSpec, views: HttpViews, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'read-only');
  const [path = '/', ...query] = (request.url ?? '/').split('?');
  // The orchestrator's own probes carry no token, and these two tell nothing else.
  if (path === '/livez') return plain(200, 'ok');
  // Without a token we are on loopback, where a web page could ask by a name of its own that leads here (DNS rebinding).
  if (token === null && !isLoopbackName(request.headers.host)) return plain(421, 'not served under this host name');
  if (path === '/readyz') return views.ready() ? plain(200, 'ok') : plain(503, 'not ready');
  const view = views.view(path);
  if (view?.audience !== 'everybody') {
    if (token !== null && !isTold(token, request.headers.authorization)) return plain(401, 'a bearer token is needed');
    if (token === null && view?.audience === 'owner' && !isOwn(request.socket))
      return plain(403, `only for user ${process.geteuid?.()} and root; for others, use --listen-token-file`);
  }
  if (view === null) return plain(404, `here are /livez, /readyz, ${views.paths}`);
  return await view.reply(new URLSearchParams(query.join('?')));
}

const owners = new WeakMap<Socket, number>();

/** Whether the other end belongs to our user or to root; no, where the system does not tell. */
function isOwn(socket: Socket): boolean {
  const uid = owners.get(socket) ?? connectionOwner(socket);
  if (uid !== null) owners.set(socket, uid);
  return uid !== null && (uid === 0 || uid === process.geteuid?.());
}

function isLoopbackName(host: string | undefined): boolean {
  return host === undefined || /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])?(?::\d*)?$/i.test(host.trim());
}

function isTold(token: string, header: string | undefined): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The series of services, in Prometheus' text format; each has the label `name`. */
export interface Metrics {
  /** A run ended, for that reason. */
  ended(name: string, cause: string, count?: number): void;
  incident(name: string, category: string, count?: number): void;
  wrote(name: string, stream: 'stdout' | 'stderr', bytes: number): void;
  /** All series, the gauges of these services. */
  text(statuses: readonly Status[]): Promise<Reply>;
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
  'lost',
];
const UP: ReadonlySet<Status['phase']> = new Set(['running', 'healthy', 'unhealthy', 'stopping']);

/** A counter that nothing was ever counted by is not among the series: who serves them does not know of it. */
export function createMetrics(version: string): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const counters = new Map<string, Counter>();
  const gauge = (short: string, help: string, labels: string[] = []) =>
    new Gauge({ name: `agent_watch_${short}`, help, labelNames: [...labels, 'name'], registers });
  const count = (short: string, help: string, labels: Record<string, string>, by: number) => {
    const labelNames = Object.keys(labels);
    const known = counters.get(short) ?? new Counter({ name: `agent_watch_${short}`, help, labelNames, registers });
    counters.set(short, known);
    known.inc(labels, by);
  };
  const info = gauge('info', 'Always 1; the version of agent-watch is a label.', ['version']);
  const up = gauge('up', '1 while the command runs.');
  const phase = gauge('phase', '1 for the phase it is in, 0 for the others.', ['phase']);
  const restarts = gauge('restarts', 'Restarts that followed an exit, over watchers and reboots.');
  const backoff = gauge('backoff_seconds', 'The wait in progress, else the next one.');
  const limited = gauge(
    'limited_until_seconds',
    'Unix time at which a limit ends, as the output names it; 0: none, or unknown.',
  );
  const crashes = gauge('crashes_in_window', 'Crashes that count for a cooldown.');
  const uptime = gauge('uptime_seconds', 'Uptime of the current run; 0 if none is up.');
  const memory = gauge('child_memory_bytes', 'Resident memory of the whole tree at the last sample.');
  const dropped = gauge('log_dropped_bytes', 'Bytes of output that are missing from the log on disk.');
  const probes = gauge('probe_ok', '1 if the probe passes, 0 if it fails; absent while it is not known.', [
    'probe',
    'severity',
  ]);
  const gauges = [info, up, phase, restarts, backoff, limited, crashes, uptime, memory, dropped, probes];

  function show(status: Status): void {
    const { name } = status;
    info.set({ version, name }, 1);
    up.set({ name }, UP.has(status.phase) ? 1 : 0);
    for (const one of PHASES) phase.set({ phase: one, name }, one === status.phase ? 1 : 0);
    restarts.set({ name }, status.restarts);
    backoff.set({ name }, status.backoffMs / 1000);
    limited.set({ name }, status.limit?.until == null ? 0 : Date.parse(status.limit.until) / 1000);
    crashes.set({ name }, status.crashesInWindow);
    uptime.set({ name }, (status.uptimeMs ?? 0) / 1000);
    memory.set({ name }, status.memoryBytes ?? 0);
    dropped.set({ name }, status.logDroppedBytes);
    for (const { name: probe, severity, ok } of status.health)
      if (ok !== null) probes.set({ probe, severity, name }, ok ? 1 : 0);
  }

  return {
    ended: (name, cause, by = 1) =>
      count('run_ends_total', 'Exits of runs since this process started, by cause.', { cause, name }, by),
    incident: (name, category, by = 1) =>
      count('incidents_total', 'Incidents since this process started, by category.', { category, name }, by),
    wrote: (name, stream, bytes) =>
      count('output_bytes_total', 'Bytes that the command wrote since the watcher started.', { stream, name }, bytes),
    async text(statuses) {
      for (const one of gauges) one.reset();
      for (const status of statuses) show(status);
      return { code: 200, type: registry.contentType, text: await registry.metrics() };
    },
  };
}
