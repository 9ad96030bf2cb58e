import { closeSync, existsSync, fstatSync, readSync } from 'node:fs';
import type { Fact } from '../../core/events.ts';
import type { ProbePolicy } from '../../core/health-model.ts';
import type { State } from '../../core/model.ts';
import type { IncidentPort } from '../../core/ports.ts';
import { incidentId } from '../../core/snapshot.ts';
import { withoutSplitStart } from '../../core/text.ts';
import { atMost, stampNow } from '../../host/clock.ts';
import { openRegularSync } from '../../host/read-file.ts';
import { INCIDENTS_FOLDER } from '../../incidents/incident.ts';
import type { StateFolder } from '../../state/state-folder.ts';
import type { IncidentAttachments, Observer } from '../observers/observer.ts';
import type { NotificationSettings, NotificationWorld } from '../watch-order.ts';
import type { IncidentWriter, IncidentWriterOrder } from './incident-writer.ts';
import type { Notifications } from './load-notifications.ts';
import type { RunWatch } from './run-notes.ts';

/** What the keeper needs of the watcher. */
export interface IncidentQueueOrder extends IncidentWriterOrder {
  place: StateFolder;
  /** The state that an earlier watcher left. */
  before: State;
  /** The log on disk, which alone knows the last words of a run that a dead watcher left; null: there is none. */
  logFile: string | null;
  /** The end of the output of the current or last run, of which `ringBytes` are kept. */
  tail(maxBytes: number): Buffer;
  ringBytes: number;
}

/** Writes down what happened, beside the restart and never before it. */
export interface IncidentQueue extends IncidentPort, IncidentAttachments, Pick<Required<Observer>, 'fact'> {
  /** What the next run is told of the last one's end. Asked once for each start. */
  runEnv(): Record<string, string>;
  /** Resolves when all is on disk, or after that long. */
  settle(limitMs: number): Promise<void>;
}

/** Above so many a second incidents are only counted. */
const MOST_A_SECOND = 10;
/** A disk so slow that these wait: more are only counted. */
const MOST_WAITING = 20;
const REPEATS_EVERY_MS = 500;
/** A ring may be larger; nobody explains an end by what was said so long before it. */
const TAIL_BYTES = 4 * 1024 * 1024;
const LOG_TAIL_BYTES = 64 * 1024;

/** What explains is loaded with the first incident, what looks at runs after the first start. */
export function createIncidentQueue(order: IncidentQueueOrder): IncidentQueue {
  const { place, observers } = order;
  const recent: number[] = [];
  let work: Promise<void> = Promise.resolve();
  let desk: Promise<IncidentWriter> | null = null;
  let runWatch: RunWatch | null = null;
  let loading = false;
  let spawned: Fact | null = null;
  let waiting = 0;
  let repeats = { of: '', count: 0, timer: null as NodeJS.Timeout | null };
  let lastReport = reportBefore(order);

  function later(act: (desk: IncidentWriter) => Promise<void>): void {
    waiting++;
    work = work
      .then(() => new Promise<void>(resolve => setImmediate(resolve)))
      .then(async () => {
        desk ??= import('./incident-writer.ts').then(({ openIncidentWriter }) => openIncidentWriter(order));
        await act(await desk);
      })
      .catch((error: unknown) => order.warn(`an incident could not be explained: ${error}`))
      .finally(() => {
        waiting--;
      });
  }

  function flushRepeats(): void {
    const { of, count, timer } = repeats;
    if (timer !== null) clearTimeout(timer);
    repeats = { of, count: 0, timer: null };
    if (count > 0) later(open => open.repeat(of, count));
  }

  function isTooMany(now: number): boolean {
    while (recent[0] !== undefined && now - recent[0] >= 1000) recent.shift();
    return repeats.of !== '' && (recent.length >= MOST_A_SECOND || waiting >= MOST_WAITING);
  }

  async function watchRuns(): Promise<void> {
    const { createRunWatch } = await import('./run-notes.ts');
    runWatch = createRunWatch(order.members, order.policy.health.probes.some(mayStop));
    if (spawned !== null) runWatch.see(spawned, stampNow().mono);
  }

  return {
    examine: () => runWatch?.examine(),
    open(seed) {
      observers.happened(seed);
      const id = incidentId(place.name, seed.at.wall);
      if (isTooMany(seed.at.mono) || id === repeats.of) {
        repeats.count++;
        repeats.timer ??= setTimeout(flushRepeats, REPEATS_EVERY_MS).unref();
        lastReport = reportPath(place, repeats.of);
        observers.counted(seed);
        return;
      }
      flushRepeats();
      repeats.of = id;
      recent.push(seed.at.mono);
      lastReport = reportPath(place, id);
      // Now: the next run begins with an empty ring.
      const tail = seed.kind === 'orphan' ? endOfFile(order.logFile) : wholeTail(order);
      const run = runWatch?.notes ?? null;
      later(open => open.explain({ id, seed, tail, run }));
    },
    reopen(at) {
      flushRepeats();
      later(open => open.reopen(incidentId(place.name, at)));
    },
    close(at, proof) {
      flushRepeats();
      later(open => open.close(at, proof));
      observers.recovered(at);
    },
    attachDiagnosis: (id, { source, model, text, costUsd, ms }) =>
      later(open => open.amend(id, { diagnosis: { source, model, text, costUsd, ms } })),
    attachDiagnosisFault: (id, why) => later(open => open.testify(id, `no model's guess: ${why}`)),
    attachRemedy: (id, remedy) => later(open => open.amend(id, { remedy })),
    fact(fact) {
      if (fact.type !== 'child-spawned' && fact.type !== 'probes-reported') return;
      if (runWatch !== null) return runWatch.see(fact, stampNow().mono);
      if (fact.type === 'child-spawned') spawned = fact;
      if (loading) return;
      loading = true;
      setImmediate(() => {
        void watchRuns().catch((error: unknown) => order.warn(`runs cannot be examined: ${error}`));
      });
    },
    runEnv() {
      const path = lastReport;
      lastReport = null;
      return path === null ? {} : { AGENT_WATCH_LAST_INCIDENT: path };
    },
    async settle(limitMs) {
      flushRepeats();
      // What is done may order more: an observer that attaches what it found.
      const done = async () => {
        while (waiting > 0) await work;
      };
      await atMost(limitMs, done());
    },
  };
}

/** Whether a probe stops a run that it finds failing. */
function mayStop(probe: ProbePolicy): boolean {
  return probe.severity === 'critical' && probe.endsAs === 'probe' && (probe.way !== 'asked' || probe.judged);
}

function reportPath({ path }: Pick<StateFolder, 'path'>, id: string): string {
  return `${path}/${INCIDENTS_FOLDER}/${id}.md`;
}

/** The report on the life that an earlier watcher saw the end of, if that end was an incident. */
function reportBefore({ place, before: { incident, lastExit } }: IncidentQueueOrder): string | null {
  if (incident === null || lastExit === null || incident.at !== lastExit.at) return null;
  const path = reportPath(place, incidentId(place.name, incident.at));
  return existsSync(path) ? path : null;
}

/** The end of the output, without the line that the ring's edge has split. */
function wholeTail({ tail, ringBytes }: IncidentQueueOrder): Buffer {
  const bytes = tail(TAIL_BYTES);
  return bytes.length < Math.min(TAIL_BYTES, ringBytes) ? bytes : withoutSplitBytes(bytes);
}

function withoutSplitBytes(bytes: Buffer): Buffer {
  const newline = bytes.indexOf(0x0a);
  if (newline >= 0 && newline < bytes.length - 1) return bytes.subarray(newline + 1);
  return Buffer.from(withoutSplitStart(bytes.toString('utf8')));
}

function endOfFile(path: string | null): Buffer {
  if (path === null) return Buffer.alloc(0);
  try {
    const fd = openRegularSync(path);
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
      const read = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, size - bytes.length));
      return size > LOG_TAIL_BYTES ? withoutSplitBytes(read) : read;
    } finally {
      closeSync(fd);
    }
  } catch {
    // No log, or it cannot be read: then the last words are lost.
    return Buffer.alloc(0);
  }
}

/**
 * Alerts, the heartbeat and a model's guess. Loads them after the first news, which is that of the first start: until then
 * the start of the child is all that matters. What happens meanwhile is told in order once they are there. Null: none was asked for.
 */
export function createNotifications(order: NotificationSettings, world: NotificationWorld): Observer | null {
  if (order.alerts === null && order.diagnosis === null) return null;
  const early: ((loaded: Notifications) => void)[] = [];
  let loaded: Notifications | null = null;
  let loading: Promise<void> | null = null;

  async function load(): Promise<void> {
    const { loadNotifications } = await import('./load-notifications.ts');
    loaded = await loadNotifications(order, world);
    for (const act of early.splice(0)) act(loaded);
  }

  function then(act: (loaded: Notifications) => void): void {
    if (loaded !== null) return act(loaded);
    early.push(act);
    loading ??= new Promise<void>(resolve => setImmediate(resolve))
      .then(load)
      .catch((error: unknown) => world.warn(`alerts and diagnosis could not be loaded: ${error}`));
  }

  return {
    note: note => then(({ alerting }) => alerting?.hear(note)),
    happened: seed => then(({ alerting }) => alerting?.happened(seed)),
    opened: (incident, seed) =>
      then(({ alerting, diagnosing }) => {
        alerting?.explained(incident, seed);
        diagnosing?.opened(incident);
      }),
    counted: seed => then(({ alerting }) => alerting?.explained(null, seed)),
    recovered: at => then(({ alerting }) => alerting?.recovered(at)),
    judged: (run, verdict, worth) => then(({ alerting }) => alerting?.judged(run, verdict, worth)),
    async close() {
      await loading;
      loaded?.diagnosing?.close();
      await loaded?.alerting?.close();
    },
  };
}
