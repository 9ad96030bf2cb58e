import {
  createMetrics,
  type HttpServerSpec,
  type HttpViews,
  openHttpServer,
  type Reply,
  type View,
} from '../../control/http-server.ts';
import { EXIT } from '../../core/signals.ts';
import { durationText, sizeText } from '../../core/units.ts';
import { zoneText } from '../../host/clock.ts';
import { portHolder } from '../../host/kernel-log.ts';
import { briefHead } from '../../incidents/brief-text.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { tokenIn } from '../arguments/watch-orders.ts';
import { shownRow } from '../commands/status.ts';
import { version } from '../environment.ts';
import { refuseUnreadable } from '../fleet/select.ts';
import { byTrouble, cpuText, whatText } from '../render/tables.ts';
import { localStamp, print } from '../render/terminal.ts';
import { CommandFailed, UsageError } from '../usage-error.ts';
import { readMoment, wallOf } from '../values/amounts.ts';
import { type Facts, openFacts } from './facts.ts';
import { pageReply } from './page.ts';

type ServeInvocation = Extract<Invocation, { kind: 'serve' }>;

/**
 * Serves the page, the metrics and the JSON of all services of a state folder until it is interrupted. Reads files only: no watcher is
 * asked, and nothing can be changed by it.
 * @throws CommandFailed if the folder may not be read or the port is taken
 */
export async function serveCommand({ stateDir, stateDirGiven, listen, tokenFile }: ServeInvocation): Promise<number> {
  refuseUnreadable(stateDir, stateDirGiven);
  const spec: HttpServerSpec = { ...listen, token: tokenFile === null ? null : tokenIn(tokenFile) };
  const ended = interrupted();
  const server = await openHttpServer(
    spec,
    viewsOf(openFacts(stateDir), () => refuseUnreadable(stateDir, false)),
  );
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  if (typeof server === 'string')
    throw new CommandFailed(
      `${host}:${listen.port}: ${server}${await holderOf(listen.port)}; choose another address with --listen`,
    );
  const readers = spec.token === null ? 'for your user and root' : 'with the token';
  print(`serving ${stateDir} on http://${host}:${server.port}/, read-only, ${readers}\n`);
  await ended;
  server.close();
  return EXIT.ok;
}

async function holderOf(port: number): Promise<string> {
  const holder = await portHolder(port, new Set([process.pid]));
  return holder?.pid == null ? '' : ` by pid ${holder.pid} (${holder.command ?? 'unknown'})`;
}

/** Resolves at the first signal that ends a program. */
function interrupted(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

/** Everything that is served. `check` throws if the state folder may not be read. */
function viewsOf(facts: Facts, check: () => void): HttpViews {
  const page = pageReply();
  const metrics = metricsOf(facts);
  const overview = shared(() => overviewOf(facts, page.id));
  const views: Readonly<Record<string, View>> = {
    '/': { audience: 'everybody', reply: () => page.reply },
    '/metrics': { audience: 'readers', reply: metrics },
    '/api/page': json(overview),
    '/api/status': json(query => facts.status(query.getAll('name'))),
    '/api/brief': json(query =>
      facts.brief(query.getAll('name'), Date.now() - (sinceOf(query) ?? Date.now() - DAY_MS)),
    ),
    '/api/incidents': json(query => facts.incidents(query.getAll('name'), sinceOf(query))),
    '/api/incident': json(query => facts.incident(neededOf(query, 'which'))),
    '/api/events': json(query => facts.events(query.getAll('name'), sinceOf(query), linesOf(query))),
    '/api/runs': json(query => facts.runs(query.getAll('name'), linesOf(query))),
    '/api/logs': json(query =>
      facts.logs(query.getAll('name'), { lines: linesOf(query), since: sinceOf(query), run: runOf(query), grep: null }),
    ),
  };
  return {
    ready() {
      try {
        check();
        return true;
      } catch {
        // The folder may not be read, or is none; the log of this server is not the place to say it again and again.
        return false;
      }
    },
    view: path => (Object.hasOwn(views, path) ? (views[path] ?? null) : null),
    paths: new Intl.ListFormat('en').format(Object.keys(views)),
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** What `read` makes of the query, as JSON; a mistake in the query is told with the code that HTTP has for it. */
function json(read: (query: URLSearchParams) => unknown): View {
  const reply = (code: number, value: unknown): Reply => ({
    code,
    type: 'application/json; charset=utf-8',
    text: `${JSON.stringify(value)}\n`,
    headers: { 'cross-origin-resource-policy': 'same-origin' },
  });
  return {
    audience: 'owner',
    async reply(query) {
      try {
        return reply(200, await read(query));
      } catch (error) {
        if (error instanceof UsageError) return reply(400, { error: error.message });
        if (!(error instanceof CommandFailed)) throw error;
        return reply(error.exitCode === EXIT.unknownName ? 404 : 500, { error: error.message });
      }
    },
  };
}

function sinceOf(query: URLSearchParams): number | null {
  const text = query.get('since');
  return text === null ? null : wallOf(readMoment(text), Date.now());
}

function neededOf(query: URLSearchParams, name: string): string {
  const text = query.get(name);
  if (text === null || text === '') throw new UsageError(`missing ?${name}=`);
  return text;
}

const DEFAULT_LINES = 100;
const MOST_LINES = 5000;

function linesOf(query: URLSearchParams): number {
  return integerOf(query, 'lines', MOST_LINES) ?? DEFAULT_LINES;
}

function runOf(query: URLSearchParams): number | null {
  return integerOf(query, 'run', Number.MAX_SAFE_INTEGER);
}

function integerOf(query: URLSearchParams, name: string, most: number): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < 1 || value > most)
    throw new UsageError(`${name}: "${text.slice(0, 40)}" is not a number from 1 to ${most}`);
  return value;
}

const SHARED_FOR_MS = 1000;

/** One reading for all who ask within a second: a page open on ten phones costs what one costs. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | null = null;
  return () => {
    if (reading !== null) return reading;
    const one = read();
    reading = one;
    setTimeout(() => {
      reading = null;
    }, SHARED_FOR_MS).unref();
    return one;
  };
}

/** What the page shows: the services, those in trouble first, and the brief of a day. Texts as `status` and `brief` have them. */
async function overviewOf(facts: Facts, page: string) {
  const now = Date.now();
  const { rows, faults } = await facts.rows([]);
  const brief = await facts.brief([], DAY_MS);
  const needs = new Set(brief.needsPerson.map(({ name }) => name));
  const services = rows
    .map(shownRow)
    .sort(byTrouble)
    .map(row => ({
      name: row.name,
      phase: row.phase,
      needsAttention: needs.has(row.name),
      what: whatText(row, now, row.lastCause),
      up: row.uptimeMs === null ? null : durationText(row.uptimeMs),
      cpu: row.cpuPercent === null ? null : cpuText(row.cpuPercent),
      memory: row.memoryBytes === null ? null : sizeText(row.memoryBytes),
      restarts: row.restarts,
      pid: row.childPid,
      command: row.command.join(' '),
      lastIncidentId: row.lastIncidentId,
    }));
  const head = briefHead(brief, { cut: line => line, time: localStamp, zone: zoneText(now) });
  return { page, version, host: facts.host, at: new Date(now).toISOString(), head, services, brief, faults };
}

/** The series of all services in one answer. Incidents and ends of runs are counted from the first look on, as a watcher counts from its start. */
function metricsOf(facts: Facts): () => Promise<Reply> {
  const series = createMetrics(version);
  let counted = new Map<string, number>();
  let ended = new Set<string>();
  let isFirst = true;
  return async () => {
    const kept = facts.kept([]);
    for (const { id, name, category, repeats } of kept)
      series.incident(name, category, isFirst ? 0 : Math.max(0, 1 + repeats - (counted.get(id) ?? 0)));
    counted = new Map(kept.map(({ id, repeats }) => [id, 1 + repeats]));
    const before = ended;
    ended = new Set();
    for (const service of facts.services([]))
      for (const { run, cause, endedAt } of facts.newestRuns(service)) {
        const key = `${service.name} ${run} ${endedAt}`;
        ended.add(key);
        series.ended(service.name, String(cause), isFirst || before.has(key) ? 0 : 1);
      }
    isFirst = false;
    return await series.text(await facts.status([]));
  };
}
