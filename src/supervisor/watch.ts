import { join } from 'node:path';
import { type Child, type ChildNote, createChild } from '../child/child.ts';
import { openPipes } from '../child/fifo.ts';
import { createLog, type Log } from '../child/log.ts';
import type { Outputs } from '../child/sink.ts';
import { type ControlServer, openControl } from '../control/server.ts';
import { FRESH_STATE } from '../core/decide.ts';
import type { Fact, Hold, Leftover, Note, Policy, RunId, Stamp, State } from '../core/model.ts';
import type { Report, SchedulePort } from '../core/ports.ts';
import type { Remedy } from '../core/remedy.ts';
import { readSnapshot, restore, type Snapshot } from '../core/snapshot.ts';
import { bootId } from '../host/boot-id.ts';
import { stampNow } from '../host/clock.ts';
import type { Schedule } from '../probes/schedule.ts';
import { armHold, liftHold, readHold } from '../state/hold-file.ts';
import { acquireLock, type Lock } from '../state/lock.ts';
import { LOG_FILE } from '../state/names.ts';
import { PlaceRefused } from '../state/own-folder.ts';
import { openPlace, type Place } from '../state/place.ts';
import { loadState, openStateFile, type StateFile } from '../state/state-file.ts';
import type { AftermathOrder } from './aftermath.ts';
import { answer } from './answers.ts';
import { guardAgainstFaults } from './faults.ts';
import { createFeed } from './feed.ts';
import { createFollowUp, type FollowUp } from './follow-up.ts';
import { createIncidentKeeper, type IncidentKeeper } from './incident-keeper.ts';
import type { IncidentListener } from './incident-listener.ts';
import { type Onlooker, seenBy } from './onlooker.ts';
import { createProbing, type HealthOrder } from './probing.ts';
import { sheltered } from './sheltered.ts';
import { hangupMeaning, listenToSignals } from './signals.ts';
import { createSource } from './source.ts';
import { createStore } from './store.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import { createTimers } from './timers.ts';

/** What is to be watched, and who is told. */
export interface WatchOrder {
  name: string;
  stateDir: string;
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  stdin: 'inherit' | 'null';
  stdinIsTerminal: boolean;
  policy: Policy;
  health: HealthOrder;
  /** Null: it runs always. */
  schedule: Schedule | null;
  /** Whether a run reads the output of the last one. */
  feedLastOutput: boolean;
  ringBytes: number;
  /** The copy on disk; null: none. */
  log: { maxBytes: number; keep: number } | null;
  outputs: Outputs;
  /** How much of the end is kept in an incident, and whether the rules explain it. */
  incidents: { tailLines: number; rules: boolean };
  aftermath: AftermathOrder;
  remedies: readonly Remedy[];
  onlookers: readonly Onlooker[];
  tell(note: Note): void;
  /** A line that is no note of the machine. */
  warn(text: string): void;
}

/** How long a slow disk may keep our end waiting for the rest of the log. */
const LOG_CLOSE_MS = 2000;
/** What is undelivered by then stays queued for the next start. */
const ALERTS_CLOSE_MS = 500;
/** How long a slow disk may keep our end waiting for the last incident. */
const INCIDENTS_CLOSE_MS = 2000;

/** How a watch ended: it never began because the name is taken, or it is over. */
export type WatchEnd = { heldBy: number | null } | { code: number };

/** Watches until it is over. Throws PlaceRefused for a link or a foreign owner in the place of our files. */
export async function watch(order: WatchOrder): Promise<WatchEnd> {
  const place = openPlace(order.stateDir, order.name);
  // mkfifo runs while the lock is taken and the state is read.
  const pipesMade = openPipes();
  const lock = await acquireLock(place);
  if ('heldBy' in lock) {
    // Ended in the middle of it, we would leave its folder behind.
    await pipesMade;
    return lock;
  }
  if (lock.note !== null) order.warn(lock.note);
  if (order.health.killWhen !== null) armOrRefuse(place);
  const found = lookBack(order, place, lock);
  const file = openStateFile(place);
  // So that no mount is held; everything of ours is absolute by now.
  process.chdir('/');
  const pipes = await pipesMade;
  const schedule = await scheduling(order.schedule);

  let end: (code: number) => void = () => {};
  const over = new Promise<number>(resolve => {
    end = resolve;
  });
  const world = assemble(order, { place, file, lock, pipes, schedule }, found, code => end(code));
  const { supervisor } = world;
  const control = openControl(controlFolders(place, lock), request =>
    answer({ ...order, supervisor, liftHold: () => liftHold(place, new Date()) }, request),
  );
  control.then(opened => {
    if (typeof opened === 'string') order.warn(`no requests can be taken (${opened}); signals still work`);
  });
  const guard = guardAgainstFaults(order.warn, () => {
    const { phase } = supervisor.state;
    if ('live' in phase) world.child.signalTree(phase.live.runId, 'SIGKILL');
  });
  const code = await over;
  guard.disarm();
  await finish(order, { ...world, file, lock, control: await control });
  return { code };
}

/** A kill condition that could not hold on a full disk would be none. */
function armOrRefuse(place: Place): void {
  const armed = armHold(place);
  if (!armed.ok) throw new PlaceRefused(`the kill condition cannot be armed: ${armed.why}`);
}

interface Parts {
  place: Place;
  file: StateFile;
  lock: Lock;
  pipes: Awaited<ReturnType<typeof openPipes>>;
  schedule(report: Report): SchedulePort;
}

interface Found {
  state: State;
  started: Fact;
}

interface Assembled {
  child: Child;
  log: Log | null;
  supervisor: Supervisor;
  keeper: IncidentKeeper;
  followUp: FollowUp;
}

/** Puts the world together and starts the machine in it. */
function assemble(
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

/** The cron library is loaded only where there is a schedule. */
async function scheduling(schedule: Schedule | null): Promise<Parts['schedule']> {
  if (schedule === null) return () => ({ plan() {} });
  const { createScheduling } = await import('./scheduling.ts');
  return report => createScheduling(schedule, report);
}

/** What an earlier watcher left: its state on our clock, its hold, its run. */
function lookBack(order: WatchOrder, place: Place, lock: Lock): Found {
  const { value, said } = loadState<Snapshot>(place, readSnapshot, saved => saved.bootId === ownBoot(), new Date());
  for (const line of said) order.warn(line);
  const sameBoot = value === null || value.bootId === ownBoot();
  const hold: Hold | null = readHold(place);
  const newCommand = value === null || JSON.stringify(value.command) !== JSON.stringify(order.command);
  const state = value === null ? FRESH_STATE : restore(value, ownBoot(), stampNow());
  return {
    state,
    started: { type: 'watcher-started', hold, newCommand, sameBoot, leftover: leftoverOf(lock) },
  };
}

/** The lock's record of the last run, in the machine's words. */
function leftoverOf({ leftover }: Lock): Leftover | null | 'unknown' {
  if (leftover === null || leftover === 'unknown') return leftover;
  return { runId: leftover.runId as RunId, pid: leftover.childPid, startTicks: leftover.startTicks };
}

function ownBoot(): string {
  return bootId() ?? 'unknown';
}

/** The log in the name's folder, made again when somebody removes it. */
function openLog({ log, warn }: WatchOrder, place: Place, onDropped: (bytes: number) => void): Log | null {
  if (log === null) return null;
  const path = join(place.path, LOG_FILE);
  return createLog({ ...log, path, ensureFolder: () => place.ensure(), say: warn, onDropped });
}

/** What is still open when the machine has come to its end. */
interface Open extends Omit<Assembled, 'supervisor'> {
  file: StateFile;
  lock: Lock;
  control: ControlServer | string;
}

/** Lets what our readers have not taken out, and leaves everything in order. */
async function finish(order: WatchOrder, { child, log, file, lock, keeper, followUp, control }: Open): Promise<void> {
  const told = keeper.settle(INCIDENTS_CLOSE_MS).then(() => followUp.close(ALERTS_CLOSE_MS));
  const [left] = await Promise.all([child.flush(order.policy.stopTimeoutMs), told]);
  if (left > 0) order.warn(`${left} bytes of the child's output were not taken by its reader and are lost`);
  child.close();
  await log?.close(LOG_CLOSE_MS);
  // A guess that came in at the last moment.
  await keeper.settle(INCIDENTS_CLOSE_MS);
  await file.settle();
  await Promise.all(order.onlookers.map(onlooker => onlooker.close()));
  // No more requests before the lock is free: the next watcher must find no socket of ours in its way.
  if (typeof control !== 'string') control.deafen();
  lock.release();
  // Last: whoever waits for our end on the socket may start the next watcher at once.
  if (typeof control !== 'string') await control.close();
}

/** Where the socket may lie: with the state, or where a folder that takes nothing sent the lock. */
function controlFolders(place: Place, lock: Lock): string[] {
  return lock.folder === null || lock.folder === place.path ? [place.path] : [lock.folder, place.path];
}
