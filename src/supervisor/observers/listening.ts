import { setTimeout as pause } from 'node:timers/promises';
import type { HttpServer, HttpViews, Metrics, View } from '../../control/http-server.ts';
import type { Policy, State } from '../../core/model.ts';
import { type Status, toStatus } from '../../core/status.ts';
import { durationText } from '../../core/units.ts';
import { bootId, stampNow } from '../../host/clock.ts';
import { withUsage } from '../../host/process-facts.ts';
import { maskedStatus } from '../../incidents/redaction/redact.ts';
import { snapshotOf } from '../state-saver.ts';
import type { Observer } from './observer.ts';

/** What is shown over HTTP, and where. */
export interface ListenOrder {
  host: string;
  port: number;
  token: string | null;
  name: string;
  command: readonly string[];
  policy: Policy;
  version: string;
  warn(text: string): void;
}

const TRY_EVERY_MS = 3000;

/** Phases in which a load balancer may count on the child. */
const READY: ReadonlySet<Status['phase']> = new Set(['running', 'healthy']);

/**
 * Shows the watcher on `/livez`, `/readyz`, `/status` and `/metrics`. HTTP and the Prometheus library are loaded after the
 * first state was saved, so they cost no start; a port that is taken is said, tried again, and supervision goes on.
 */
export function createListening(order: ListenOrder): Observer {
  let latest: State | null = null;
  let face: Promise<HttpServer | string> | null = null;
  let metrics: Metrics | null = null;
  let endsAt: number | null = null;
  const over = new AbortController();
  const early: ((to: Metrics) => void)[] = [];
  const count = (act: (to: Metrics) => void) => (metrics === null ? early.push(act) : act(metrics));

  function status(): Status {
    const boot = bootId() ?? 'unknown';
    const [program = ''] = order.command;
    const of = { ...order, bootId: boot, command: [program], cwd: '/', now: stampNow };
    if (latest === null) throw new Error('no state has been saved yet');
    const shown = toStatus(snapshotOf(of, latest), {
      now: stampNow(),
      alive: true,
      sameBoot: true,
      holdReason: null,
      iso: wall => new Date(wall).toISOString(),
    });
    const masked = maskedStatus(shown);
    // Nothing of the output is shown here.
    return masked.limit === null ? masked : { ...masked, limit: { ...masked.limit, line: null } };
  }

  async function open(): Promise<HttpServer | string> {
    const { createMetrics, openHttpServer } = await import('../../control/http-server.ts');
    const series = createMetrics(order.version);
    metrics = series;
    for (const stream of ['stdout', 'stderr'] as const) series.wrote(order.name, stream, 0);
    for (const act of early.splice(0)) act(series);
    const views = viewsOf(status, series);
    return await keepTrying(() => openHttpServer(order, views));
  }

  /** Whoever has the port at the start, a former instance say, may let go of it. */
  async function keepTrying(attempt: () => Promise<HttpServer | string>): Promise<HttpServer | string> {
    const where = `--listen ${order.host}:${order.port}`;
    let opened = await attempt();
    if (typeof opened !== 'string') return opened;
    order.warn(`${where}: ${opened}; trying again every ${durationText(TRY_EVERY_MS)}`);
    while (typeof opened === 'string' && !over.signal.aborted) {
      await pause(TRY_EVERY_MS, undefined, { signal: over.signal, ref: false }).catch(() => {
        // The watcher ends.
      });
      if (!over.signal.aborted) opened = await attempt();
    }
    if (typeof opened !== 'string') order.warn(`${where}: listening now`);
    return opened;
  }

  return {
    see(state) {
      latest = state;
      const ended = state.lastExit;
      if (endsAt !== null && ended !== null && ended.at !== endsAt) count(to => to.ended(order.name, ended.cause));
      endsAt = ended?.at ?? 0;
      face ??= open();
    },
    hear: (stream, bytes) => {
      const { length } = bytes;
      count(to => to.wrote(order.name, stream, length));
    },
    opened: incident => void count(to => to.incident(order.name, incident.category)),
    async close() {
      over.abort();
      const opened = await face;
      if (opened !== null && typeof opened !== 'string') opened.close();
    },
  };
}

/** No output of the command, and no argument of it. */
function viewsOf(status: () => Status, series: Metrics): HttpViews {
  const views: Readonly<Record<string, View['reply']>> = {
    '/status': () => ({
      code: 200,
      type: 'application/json; charset=utf-8',
      text: `${JSON.stringify([withUsage(status())])}\n`,
    }),
    '/metrics': () => series.text([status()]),
  };
  return {
    ready: () => READY.has(status().phase),
    view: path => {
      const reply = Object.hasOwn(views, path) ? views[path] : undefined;
      return reply === undefined ? null : { audience: 'readers', reply };
    },
    paths: '/status and /metrics',
  };
}
