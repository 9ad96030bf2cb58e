import { type Child, type ChildNote, createChild } from '../child/child.ts';
import { createLog, type Log } from '../child/log.ts';
import type { openPipes } from '../child/spawn.ts';
import type { Fact, Note } from '../core/events.ts';
import type { State } from '../core/model.ts';
import type { Report, SchedulePort } from '../core/ports.ts';
import { restartsOf } from '../core/status.ts';
import type { Stamp } from '../core/time.ts';
import { stampNow } from '../host/clock.ts';
import { reasonOf } from '../host/errno.ts';
import { readText } from '../host/read-file.ts';
import { INCIDENTS_FOLDER } from '../incidents/incident.ts';
import type { KeptText } from '../probes/keepers.ts';
import { replaceFile } from '../state/atomic-file.ts';
import type { Lock } from '../state/lock.ts';
import type { StateFile } from '../state/state-file.ts';
import { LOG_FILE, type StateFolder } from '../state/state-folder.ts';
import { createLastOutput, type LastOutput, protectedCommand } from './child-setup.ts';
import { createEndReader } from './end-reader.ts';
import { type IncidentObserver, type Observer, seenBy } from './observers/observer.ts';
import { createOutputPatterns } from './output-patterns.ts';
import { createProbing } from './probing.ts';
import { hangupMeaning, listenToSignals, suspendTogether } from './process-events.ts';
import { createIncidentQueue, type IncidentQueue } from './response/incident-queue.ts';
import { createIncidentResponse, type IncidentResponse } from './response/response.ts';
import { type Found, ownBoot } from './restore.ts';
import { fileInput, pipeInput, type RunInput } from './standard-input.ts';
import { createStore } from './state-saver.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import { createTerminalModes } from './terminal-modes.ts';
import { createSource, createTimers } from './timers.ts';
import type { WatchOrder } from './watch-order.ts';

/** What probes keep between watchers is small. */
const KEPT_BYTES = 32_768;

/** What was opened before there is a machine. */
export interface Parts {
  place: StateFolder;
  file: StateFile;
  lock: Lock;
  pipes: ReturnType<typeof openPipes>;
  schedule(report: Report): SchedulePort;
}

/** What the machine works with. */
export interface Assembled {
  child: Child;
  log: Log | null;
  supervisor: Supervisor;
  incidentQueue: IncidentQueue;
  incidentResponse: IncidentResponse;
  /** Saves the state as it stands. */
  save(): void;
}

/** Puts the world together and starts the machine in it. */
export function assemble(
  order: WatchOrder,
  { place, file, lock, pipes, schedule }: Parts,
  found: Found,
  end: (code: number) => void,
): Assembled {
  const { policy, command, cwd } = order;
  let supervisor: Supervisor;
  /** A listener that fails keeps no fact, an exit least of all, from the machine. */
  const heard = (listen: () => void) => {
    try {
      listen();
    } catch (error) {
      order.warn(`internal error: ${reasonOf(error)}`);
    }
  };
  const report = (fact: Fact) => {
    for (const see of [probing.see, incidentResponse.see, incidentQueue.see]) heard(() => see(fact));
    heard(() => patterns?.see(fact));
    if (fact.type === 'child-exited') heard(() => terminal?.restore());
    if (fact.type === 'child-exited') heard(() => lastOutput?.keep());
    if (fact.type === 'child-spawned') heard(() => log?.startRun(supervisor.state.run));
    supervisor.take(fact);
  };
  const restarts = () => restartsOf(supervisor.state);
  const probing = createProbing(
    order.health,
    { ...order, restarts, kept: (file: string) => keptIn(place, file) },
    report,
  );
  const lastOutput = order.feedLastOutput ? createLastOutput(place, () => child.tail()) : null;
  const output = { blockedSince: null as Stamp | null, droppedBytes: 0 };
  const reportOutput = (change: Partial<typeof output>) =>
    report({ type: 'output-reported', ...Object.assign(output, change) });
  const tail = (maxBytes: number) => child.tail(maxBytes);
  const patterns = createOutputPatterns(order.patterns, { tail, report });
  const terminal = createTerminalModes(order.outputs);
  const readEnd = createEndReader({
    ...order,
    name: place.name,
    incidentsFolder: place.at(INCIDENTS_FOLDER),
    patterns,
    state: () => supervisor.state,
    tail,
  });
  const child = createChild(
    {
      ...order,
      stdin: order.stdin === 'inherit' ? 'inherit' : 'null',
      ...runInput(order, lastOutput),
      runEnv: () => incidentQueue.runEnv(),
      readEnd,
      pipes,
      now: stampNow,
      onBlocked: blockedSince => reportOutput({ blockedSince }),
    },
    report,
    note => order.warn(childNoteText(note)),
  );
  const log = openLog(order, place, droppedBytes => reportOutput({ droppedBytes }));
  if (log !== null) child.tap((_stream, bytes) => log.write(bytes));
  child.tap(probing.hear);
  if (patterns !== null) child.tap(patterns.hear);
  if (terminal !== null) child.tap(terminal.hear);
  for (const { hear } of order.observers) if (hear !== undefined) child.tap(hear);
  const incidentQueue = incidentQueueFor(order, place, found.state, child, () => [
    ...incidentResponse.listeners,
    ...listenersOf(order.observers),
  ]);
  const incidentResponse = createIncidentResponse(order, {
    place,
    child: protectedCommand(child, order.given),
    report,
    state: () => supervisor.state,
  });
  const world = {
    source: createSource(),
    child: incidentResponse.child,
    schedule: schedule(report),
    probes: probing,
    incidents: incidentResponse.around(incidentQueue),
    timers: createTimers(report),
    store: seenBy(
      order.observers,
      createStore({ place, file, lock, policy, bootId: ownBoot(), command, cwd, now: stampNow }, report),
    ),
    public: {
      tell(note: Note) {
        if (note.kind === 'reset') probing.reset();
        incidentResponse.tell(note);
      },
      reportBug: (what: string) => order.warn(`internal error: ${what}`),
      exit: end,
    },
  };
  supervisor = createSupervisor(policy, found.state, world);
  listenToSignals(report, hangupMeaning());
  suspendTogether(child);
  supervisor.take(found.started);
  const save = () => world.store.save(supervisor.state);
  return { child, log, supervisor, incidentResponse, incidentQueue, save };
}

/** What a run reads: the last one's output, a file, our own standard input again; nothing: the descriptor itself, once. */
function runInput({ stdin, stdinIsTerminal, warn }: WatchOrder, lastOutput: LastOutput | null): { feed?: RunInput } {
  if (lastOutput !== null) return { feed: lastOutput.feed };
  if (typeof stdin === 'object') return { feed: fileInput(stdin.file) };
  const again = stdin === 'null' || stdinIsTerminal ? null : pipeInput(warn);
  return again === null ? {} : { feed: again };
}

/** What cannot be read or kept is begun anew. */
function keptIn(place: StateFolder, file: string): KeptText {
  return {
    read: () => readText(place.at(file), KEPT_BYTES),
    write(text) {
      try {
        place.ensure();
        replaceFile(place.at(file), text);
      } catch {
        // A full disk: the state file says that aloud, and the next save tries again.
      }
    },
  };
}

function incidentQueueFor(
  order: WatchOrder,
  place: StateFolder,
  before: State,
  child: Child,
  listeners: () => readonly IncidentObserver[],
): IncidentQueue {
  return createIncidentQueue({
    ...order,
    ...order.incidents,
    place,
    before,
    listeners,
    logFile: order.log === null ? null : place.at(LOG_FILE),
    tail: maxBytes => child.tail(maxBytes),
    members: () => child.members().map(({ pid }) => pid),
  });
}

function listenersOf(observers: readonly Observer[]): IncidentObserver[] {
  return observers.map(observer => ({ opened: incident => observer.opened?.(incident), recovered() {} }));
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

/** The log in the name's folder, made again when somebody removes it. */
function openLog({ log, warn }: WatchOrder, place: StateFolder, onDropped: (bytes: number) => void): Log | null {
  if (log === null) return null;
  const { maxBytes, keep } = log;
  return createLog({
    // By the open folder, which nobody can exchange under us.
    get path() {
      return place.at(LOG_FILE);
    },
    maxBytes,
    keep,
    ensureFolder: () => place.ensure(),
    say: warn,
    onDropped,
  });
}
