import { type Child, type ChildNote, type ChildSpec, createChild } from '../child/child.ts';
import { createLog, type Log } from '../child/log.ts';
import type { openPipes } from '../child/spawn.ts';
import type { Fact } from '../core/events.ts';
import type { Report, SchedulePort, StorePort } from '../core/ports.ts';
import { restartsOf } from '../core/status.ts';
import type { Stamp } from '../core/units.ts';
import { stampNow } from '../host/clock.ts';
import { INCIDENTS_FOLDER } from '../incidents/incident.ts';
import type { Lock } from '../state/lock.ts';
import type { StateFile } from '../state/state-file.ts';
import { LOG_FILE, type StateFolder } from '../state/state-folder.ts';
import {
  createLastOutput,
  createTerminalModes,
  fileInput,
  type LastOutput,
  pipeInput,
  type RunInput,
  startsOf,
} from './child-setup.ts';
import { hangupMeaning, listenToSignals, suspendTogether } from './control-requests.ts';
import { createObservers, type Observer, type Observers } from './observers/observer.ts';
import { createOutputPatterns, createProbing, type OutputPatterns, type Probing } from './probing.ts';
import { createIncidentQueue, createNotifications, type IncidentQueue } from './response/incident-queue.ts';
import { createRemedies } from './response/remedies.ts';
import { createEndReader, createRunChecks, type RunChecks } from './run-checks.ts';
import { createRunRecorder, type RunRecorder } from './run-recorder.ts';
import { createStore, type Found, keptIn, maskReports, ownBoot } from './state-saver.ts';
import { createSource, createSupervisor, createTimers, type Supervisor } from './supervisor.ts';
import type { WatchOrder } from './watch-order.ts';

/** How long a slow disk may keep our end waiting for the rest of the log. */
const LOG_CLOSE_MS = 2000;

/** What was opened before there is a machine. */
export interface Parts {
  place: StateFolder;
  file: StateFile;
  lock: Lock;
  /** Null: the command holds no secret that the watcher knows. */
  shownCommand: readonly string[] | null;
  pipes: ReturnType<typeof openPipes>;
  schedule(report: Report): SchedulePort;
}

/** What the machine works with. */
export interface Assembled {
  child: Child;
  supervisor: Supervisor;
  incidentQueue: IncidentQueue;
  runRecorder: RunRecorder;
  checks: RunChecks;
  observers: Observers;
  /** Saves the state as it stands. */
  save(): void;
}

/** The log as an observer, for which others can wait. */
type LogObserver = Observer & Pick<Log, 'settle'>;

/**
 * Puts the world together and starts the machine in it. Each part is built from those before it: the machine, the child, what
 * explains incidents, what follows from them; then whoever is told of it all.
 */
export function assemble(order: WatchOrder, parts: Parts, found: Found, end: (code: number) => void): Assembled {
  const core = coreOf(order, found);
  const { supervisor, observers, report } = core;
  const lastOutput = order.feedLastOutput ? createLastOutput(parts.place) : null;
  const patterns = createOutputPatterns(order.patterns, report);
  const child = childOf(order, parts, core, { lastOutput, patterns });
  const incidentQueue = incidentQueueOf(order, parts, found, { child, observers });
  const shared = { ...order, desk: incidentQueue, now: stampNow, monoMs: () => stampNow().mono };
  const remedies = order.remedies.length === 0 ? null : createRemedies(shared);
  const state = () => supervisor.state;
  const notifications = createNotifications(order.notifications, { ...shared, place: parts.place, state });
  const probing = probingOf(order, parts, core);
  const runRecorder = createRunRecorder({ ...order, ...parts, found, state, child, probing, tell: observers.note });
  const log = logOf(order, parts, core);
  const checks = checksOf(order, parts, core, { child, log, recorder: runRecorder });
  observers.add(
    log,
    // Before the probes forget what the run that has ended used.
    runRecorder,
    checks,
    probing,
    remedies,
    { fact: incidentQueue.fact },
    patterns,
    createTerminalModes(order.outputs),
    lastOutput && { fact: ({ type }) => void (type === 'child-exited' && lastOutput.keep(child.tail())) },
    ...order.observers,
    notifications,
  );
  child.tap(observers.hear);
  const store = storeOf(order, parts, core);
  supervisor.connect({
    source: createSource(),
    child: startsOf(child, { given: order.given, remedies, runEnv: incidentQueue.runEnv }, report),
    checks,
    schedule: parts.schedule(report),
    probes: probing,
    incidents: incidentQueue,
    timers: createTimers(report),
    store,
    public: { tell: observers.note, reportBug: what => order.warn(`internal error: ${what}`), exit: end },
  });
  listenToSignals(report, hangupMeaning());
  suspendTogether(child);
  supervisor.take(found.started);
  runRecorder.tookOver();
  return { child, supervisor, incidentQueue, runRecorder, checks, observers, save: () => store.save(supervisor.state) };
}

/** The machine, and how it and its observers are told what happens. All else is built on it. */
interface Core {
  supervisor: Supervisor;
  observers: Observers;
  /** Tells the observers of a fact, then the machine. */
  report: Report;
  /** Reports what has changed about the way of the child's output. */
  reportOutput(change: Partial<OutputTrouble>): void;
}

interface OutputTrouble {
  blockedSince: Stamp | null;
  droppedBytes: number;
}

function coreOf({ policy }: WatchOrder, found: Found): Core {
  const supervisor = createSupervisor(policy, found.state);
  // The guard against faults reports and counts what an observer throws, and the fact still reaches the machine.
  const observers = createObservers(error => {
    setImmediate(() => {
      throw error;
    });
  });
  const report = (fact: Fact) => {
    observers.fact(fact);
    supervisor.take(fact);
  };
  const output: OutputTrouble = { blockedSince: null, droppedBytes: 0 };
  return {
    supervisor,
    observers,
    report,
    reportOutput: change => report({ type: 'output-reported', ...Object.assign(output, change) }),
  };
}

function childOf(
  order: WatchOrder,
  { place, pipes }: Parts,
  { supervisor, report, reportOutput }: Core,
  { lastOutput, patterns }: { lastOutput: LastOutput | null; patterns: OutputPatterns | null },
): Child {
  const readEnd = createEndReader({
    ...order,
    name: place.name,
    incidentsFolder: place.at(INCIDENTS_FOLDER),
    patterns,
    state: () => supervisor.state,
  });
  const spec: ChildSpec = {
    ...order,
    stdin: order.stdin === 'inherit' ? 'inherit' : 'null',
    ...runInput(order, lastOutput),
    readEnd,
    pipes,
    now: stampNow,
    onBlocked: blockedSince => reportOutput({ blockedSince }),
  };
  return createChild(spec, report, note => order.warn(childNoteText(note)));
}

/** What a run reads: the last one's output, a file, our own standard input again; nothing: the descriptor itself, once. */
function runInput({ stdin, stdinIsTerminal, warn }: WatchOrder, lastOutput: LastOutput | null): { feed?: RunInput } {
  if (lastOutput !== null) return { feed: lastOutput.feed };
  if (typeof stdin === 'object') return { feed: fileInput(stdin.file) };
  const again = stdin === 'null' || stdinIsTerminal ? null : pipeInput(warn);
  return again === null ? {} : { feed: again };
}

function childNoteText(note: ChildNote): string {
  switch (note.kind) {
    case 'no-process-table':
      return "the processes of this system cannot be listed: what leaves the child's group cannot be ended";
    case 'unseen':
      return `the processes of the run cannot be seen (${note.why}); trying again`;
    default:
      return note satisfies never;
  }
}

function incidentQueueOf(
  order: WatchOrder,
  { place }: Parts,
  found: Found,
  { child, observers }: { child: Child; observers: Observers },
): IncidentQueue {
  return createIncidentQueue({
    ...order,
    ...order.incidents,
    observers,
    place,
    before: found.state,
    logFile: order.log === null ? null : place.at(LOG_FILE),
    tail: child.tail,
    members: () => child.members().map(({ pid }) => pid),
  });
}

function probingOf(order: WatchOrder, { place }: Parts, { supervisor, report }: Core): Probing {
  const restarts = () => restartsOf(supervisor.state);
  return createProbing(
    order.health,
    { ...order, restarts, kept: file => keptIn(place, file) },
    maskReports(order, report),
  );
}

/** What checks the output of runs that ended with success. */
function checksOf(
  order: WatchOrder,
  { place }: Parts,
  { supervisor, observers: { judged }, report }: Core,
  { child, log, recorder }: { child: Child; log: LogObserver | null; recorder: RunRecorder },
): RunChecks {
  const logged = log === null ? null : { settle: log.settle, path: place.at(LOG_FILE) };
  const state = () => supervisor.state;
  return createRunChecks({ ...order, place, state, tail: child.tail, log: logged, recorder, judged }, report);
}

/** The log in the name's folder, made again when somebody removes it. Null: none is kept. */
function logOf(
  { log: wanted, warn }: WatchOrder,
  { place }: Parts,
  { supervisor, reportOutput }: Core,
): LogObserver | null {
  if (wanted === null) return null;
  const log = createLog({
    // By the open folder, which nobody can exchange under us.
    get path() {
      return place.at(LOG_FILE);
    },
    ...wanted,
    ensureFolder: () => place.ensure(),
    say: warn,
    onDropped: droppedBytes => reportOutput({ droppedBytes }),
  });
  return {
    fact: ({ type }) => void (type === 'child-spawned' && log.startRun(supervisor.state.run)),
    hear: (_stream, bytes) => log.write(bytes),
    settle: log.settle,
    close: () => log.close(LOG_CLOSE_MS),
  };
}

function storeOf({ policy, command, cwd }: WatchOrder, parts: Parts, { observers, report }: Core): StorePort {
  const { place, file, lock, shownCommand } = parts;
  return createStore(
    {
      place,
      file,
      lock,
      policy,
      bootId: ownBoot(),
      command,
      shownCommand,
      cwd,
      now: stampNow,
      saved: observers.see,
      tell: observers.note,
    },
    report,
  );
}
