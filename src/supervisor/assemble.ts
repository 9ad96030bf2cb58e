import { join } from 'node:path';
import { type Child, type ChildNote, createChild } from '../child/child.ts';
import { createLog, type Log } from '../child/log.ts';
import type { openPipes } from '../child/spawn.ts';
import type { Fact } from '../core/events.ts';
import type { State } from '../core/model.ts';
import type { Report, SchedulePort } from '../core/ports.ts';
import type { Stamp } from '../core/time.ts';
import { stampNow } from '../host/clock.ts';
import type { Lock } from '../state/lock.ts';
import type { StateFile } from '../state/state-file.ts';
import { LOG_FILE, type Place } from '../state/state-folder.ts';
import { createFeed, sheltered } from './child-setup.ts';
import { type IncidentListener, type Onlooker, seenBy } from './observers/observer.ts';
import { createProbing } from './probing.ts';
import { hangupMeaning, listenToSignals } from './process-events.ts';
import { createIncidentKeeper, type IncidentKeeper } from './response/incident-queue.ts';
import { createFollowUp, type FollowUp } from './response/response.ts';
import { type Found, ownBoot } from './restore.ts';
import { createStore } from './state-saver.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import { createSource, createTimers } from './timers.ts';
import type { WatchOrder } from './watch-order.ts';

/** What was opened before there is a machine. */
export interface Parts {
  place: Place;
  file: StateFile;
  lock: Lock;
  pipes: Awaited<ReturnType<typeof openPipes>>;
  schedule(report: Report): SchedulePort;
}

/** What the machine works with. */
export interface Assembled {
  child: Child;
  log: Log | null;
  supervisor: Supervisor;
  keeper: IncidentKeeper;
  followUp: FollowUp;
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
  const report = (fact: Fact) => {
    probing.see(fact);
    followUp.see(fact);
    keeper.see(fact);
    if (fact.type === 'child-exited') feed?.keep();
    supervisor.take(fact);
  };
  const restarts = () => Math.max(0, supervisor.state.run - 1);
  const probing = createProbing(order.health, { ...order, restarts }, report);
  const feed = order.feedLastOutput ? createFeed(place, () => child.tail()) : null;
  const output = { blockedSince: null as Stamp | null, droppedBytes: 0 };
  const reportOutput = (change: Partial<typeof output>) =>
    report({ type: 'output-reported', ...Object.assign(output, change) });
  const child = createChild(
    {
      ...order,
      ...feed,
      runEnv: () => keeper.runEnv(),
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
  for (const { hear } of order.onlookers) if (hear !== undefined) child.tap(hear);
  const keeper = keeperFor(order, place, found.state, child, () => [
    ...followUp.listeners,
    ...listenersOf(order.onlookers),
  ]);
  const followUp = createFollowUp(order, { place, child: sheltered(child), report, state: () => supervisor.state });
  const world = {
    source: createSource(),
    child: followUp.child,
    schedule: schedule(report),
    probes: probing,
    incidents: followUp.around(keeper),
    timers: createTimers(report),
    store: seenBy(
      order.onlookers,
      createStore({ place, file, lock, policy, bootId: ownBoot(), command, cwd, now: stampNow }, report),
    ),
    public: { tell: followUp.tell, reportBug: (what: string) => order.warn(`a fault of its own: ${what}`), exit: end },
  };
  supervisor = createSupervisor(policy, found.state, world);
  listenToSignals(report, hangupMeaning());
  supervisor.take(found.started);
  return { child, log, supervisor, followUp, keeper };
}

function keeperFor(
  order: WatchOrder,
  place: Place,
  before: State,
  child: Child,
  listeners: () => readonly IncidentListener[],
): IncidentKeeper {
  return createIncidentKeeper({
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

function listenersOf(onlookers: readonly Onlooker[]): IncidentListener[] {
  return onlookers.map(onlooker => ({ opened: incident => onlooker.opened?.(incident), recovered() {} }));
}

function childNoteText(note: ChildNote): string {
  switch (note.kind) {
    case 'no-pipes':
      return `no real pipes for the child's output (${note.why}): it cannot open /dev/stdout`;
    case 'cannot-end':
      return `not even SIGKILL ended ${note.pids.join(', ')} of the last run`;
    case 'no-process-table':
      return "the processes of this system cannot be listed: what leaves the child's group cannot be ended";
    default:
      return note satisfies never;
  }
}

/** The log in the name's folder, made again when somebody removes it. */
function openLog({ log, warn }: WatchOrder, place: Place, onDropped: (bytes: number) => void): Log | null {
  if (log === null) return null;
  const path = join(place.path, LOG_FILE);
  return createLog({ ...log, path, ensureFolder: () => place.ensure(), say: warn, onDropped });
}
