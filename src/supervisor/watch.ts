import { lstatSync } from 'node:fs';
import { openPipes } from '../child/spawn.ts';
import { createLastingControl, type LastingControl } from '../control/server.ts';
import type { Hold, State } from '../core/model.ts';
import { monoNow } from '../host/clock.ts';
import { adoptOrphans } from '../host/process-signals.ts';
import { reasonOf } from '../host/read-file.ts';
import type { Schedule } from '../probes/schedule.ts';
import { armHold, liftHold, readHold, writeHold } from '../state/hold-file.ts';
import { acquireLock, type Lock } from '../state/lock.ts';
import { makePrivateFolder, StateFolderRefused } from '../state/private-folder.ts';
import { openStateFile, type StateFile } from '../state/state-file.ts';
import { openStateFolder, type StateFolder } from '../state/state-folder.ts';
import { type Assembled, assemble, type Parts } from './assemble.ts';
import { answer, guardAgainstFaults } from './control-requests.ts';
import { commandToShow, restoreWatch } from './state-saver.ts';
import type { WatchEnd, WatchOrder } from './watch-order.ts';

// Keeps the way to a live watcher open. Whoever sweeps old files (tmpreaper, systemd-tmpfiles, `rm`) must not make it unreachable,
// unknown, or doubled: its socket, lock, record and state are looked at now and then, and made again where they are gone.

/** What is looked after. */
export interface UpkeepOf {
  place: StateFolder;
  lock: Lock;
  file: StateFile;
  control: LastingControl;
  /** Whether a kill condition needs its file. */
  armed: boolean;
  /** What holds the name; null: nothing does. */
  hold(): Hold | null;
  /** Saves the state as it stands. */
  save(): void;
  warn(text: string): void;
  /** Another watcher has taken the name meanwhile. */
  lost(pid: number): void;
}

const LOOK_EVERY_MS = 6000;
/** A wake-up for something else that comes so long after the last look is used for the next: each costs more than the look does. */
const JOIN_AFTER_MS = 4000;
/** Each so many looks are thorough, whatever the folder shows. */
const THOROUGH_EVERY = 12;

export interface Upkeep {
  /** Something else woke us up: looks, if it is nearly time to. */
  join(): void;
  stop(): void;
}

/** Looks until it is stopped. */
function startUpkeep(of: UpkeepOf): Upkeep {
  let looks = 0;
  let lookedAt = monoNow();
  let settled: string | null = null;
  let failed = false;
  const lookOnce = async () => {
    looks += 1;
    lookedAt = monoNow();
    const before = folderStamp(of);
    if (before !== null && before === settled && looks % THOROUGH_EVERY !== 0) return;
    settled = (await look(of)) ? before : null;
  };
  // A folder that cannot be looked at (taken rights, a dead disk) is no reason to end anything.
  const lookNow = () => {
    lookOnce().then(
      () => {
        failed = false;
      },
      (error: unknown) => {
        if (!failed) of.warn(`cannot look after ${of.place.path}: ${reasonOf(error)}; supervision goes on`);
        failed = true;
      },
    );
  };
  const timer = setInterval(lookNow, LOOK_EVERY_MS).unref();
  return {
    join() {
      if (monoNow() - lookedAt < JOIN_AFTER_MS) return;
      timer.refresh();
      lookNow();
    },
    stop: () => clearInterval(timer),
  };
}

/**
 * What a folder looks like from outside, at the price of two calls: while it lies where it did and nothing in it was made, removed or
 * renamed, all is there that was there. Null: that cannot be told, because not everything lies in it.
 */
function folderStamp({ place, lock, control }: UpkeepOf): string | null {
  if (lock.folder !== place.path || control.isThere() !== true) return null;
  try {
    const { dev, ino, mtimeNs } = lstatSync(place.path, { bigint: true });
    return `${dev} ${ino} ${mtimeNs}`;
  } catch {
    // Gone, or not to be seen any more.
    return null;
  }
}

/** Makes again what is gone. Returns whether all was there. */
async function look({ place, lock, file, control, armed, hold, save, warn, lost }: UpkeepOf): Promise<boolean> {
  const gone: string[] = [];
  let settled = false;
  if (place.ensure() === null) {
    const renewed = lock.renew();
    if (typeof renewed === 'object') {
      lost(renewed.takenBy);
      return false;
    }
    if (renewed) gone.push('lock');
    if (file.isGone()) {
      gone.push('state');
      save();
    }
    const held = hold();
    const kept = readHold(place);
    settled = held === null || kept !== null;
    if (kept === null) {
      if (held !== null && writeHold(place, held).ok) gone.push('hold');
      else if (armed) armHold(place);
    }
  }
  const hadSocket = control.isThere();
  if ((await control.ensure()) === null && hadSocket === false) gone.push('socket');
  if (gone.length > 0) warn(`${gone.join(', ')} in ${place.path} had been removed or moved away; made again`);
  return settled && gone.length === 0;
}

const CANNOT_REAP = 'this is PID 1 and cannot reap orphans without node:ffi: put an init in front (docker run --init)';
/** How long a slow disk may keep our end waiting for the last incident, and the last line of the journal. */
const INCIDENTS_CLOSE_MS = 2000;

/** Watches until it is over. Throws StateFolderRefused for a link or a foreign owner in the place of our files. */
export async function watch(order: WatchOrder): Promise<WatchEnd> {
  const place = openStateFolder(order.stateDir, order.name);
  if (!adoptOrphans() && process.pid === 1) order.warn(CANNOT_REAP);
  const lock = await acquireLock(place);
  if ('heldBy' in lock) return lock;
  if (lock.note !== null) order.warn(lock.note);
  if (order.health.killWhen !== null) armOrRefuse(place);
  const found = restoreWatch(order, place, lock);
  const file = openStateFile(place, lock);
  // So that no mount is held; all our paths are absolute by now.
  process.chdir('/');
  const pipes = openPipes();
  const schedule = await scheduling(order.schedule);

  let end: (code: number) => void = () => {};
  const over = new Promise<number>(resolve => {
    end = resolve;
  });
  const shownCommand = await commandToShow(order.command, order);
  const world = assemble(order, { place, file, lock, pipes, schedule, shownCommand }, found, code => end(code));
  const { supervisor } = world;
  const control = createLastingControl(
    () => controlFolders(place, lock),
    (request, caller) => answer({ ...order, supervisor, liftHold: () => liftHold(place, new Date()) }, request, caller),
  );
  control.ensure().then(why => {
    if (why !== null) order.warn(`control requests are not available (${why}); signals still work`);
  });
  const upkeep = startUpkeep({
    ...order,
    ...world,
    place,
    lock,
    file,
    control,
    armed: order.health.killWhen !== null,
    hold: () => holdOf(supervisor.state),
    lost(pid) {
      order.warn(`the folder ${place.path} was moved away and watcher ${pid} has taken its name; stopping this one`);
      supervisor.take({ type: 'stop-requested', by: 'command', signal: null, now: false });
    },
  });
  // Not in the midst of a decision.
  world.observers.add({ fact: ({ type }) => type === 'timer-fired' && void setImmediate(upkeep.join) });
  const guard = guardAgainstFaults(order.warn, () => {
    const { phase } = supervisor.state;
    if ('live' in phase) world.child.signalTree(phase.live.runId, 'SIGKILL', 'tree');
  });
  const code = await over;
  guard.disarm();
  upkeep.stop();
  await finish(order, { ...world, file, lock, control });
  return { code };
}

/** What must lie on the disk at this moment, whatever happens to the folder. */
function holdOf({ phase }: State): Hold | null {
  return phase.kind === 'held' ? phase.hold : null;
}

/** A kill condition that could not hold on a full disk would be none. */
function armOrRefuse(place: StateFolder): void {
  const armed = armHold(place);
  // A hold that is there needs no room, and its file arms the next when it is lifted.
  if (!armed.ok && readHold(place) === null)
    throw new StateFolderRefused(`the kill condition cannot be armed: ${armed.why}`);
}

/** The cron library is loaded only where there is a schedule. */
async function scheduling(schedule: Schedule | null): Promise<Parts['schedule']> {
  if (schedule === null) return () => ({ plan() {} });
  const { createScheduling } = await import('../probes/schedule.ts');
  return report => createScheduling(schedule, report);
}

/** What is still open when the machine has come to its end. */
interface Open extends Omit<Assembled, 'supervisor' | 'save'> {
  file: StateFile;
  lock: Lock;
  control: LastingControl;
}

/** Lets what our readers have not taken out, and leaves everything in order. */
async function finish(
  order: WatchOrder,
  { child, file, lock, incidentQueue, runRecorder, checks, observers, control }: Open,
): Promise<void> {
  // A verdict that is under way is written down and alerted with the rest.
  const told = checks
    .settle()
    .then(() => Promise.all([incidentQueue.settle(INCIDENTS_CLOSE_MS), runRecorder.settle(INCIDENTS_CLOSE_MS)]));
  const [left] = await Promise.all([child.flush(order.policy.stopTimeoutMs), told]);
  if (left > 0) order.warn(`${left} bytes of the child's output are lost: its reader did not take them`);
  const { stdout, stderr } = order.outputs;
  const lost = stdout.lostBytes + (stderr === stdout ? 0 : stderr.lostBytes);
  if (lost > 0) order.warn(`${lost} bytes of the child's output are lost: the disk did not take them`);
  child.close();
  await observers.close();
  // A guess that came in at the last moment.
  await incidentQueue.settle(INCIDENTS_CLOSE_MS);
  await file.settle();
  // No more requests before the lock is free: the next watcher must find none of our sockets in its way.
  control.stopAccepting();
  lock.release();
  // Last: whoever waits for our end on the socket may start the next watcher at once.
  await control.close();
}

/** Where the socket may lie: with the state, where a folder that takes nothing sent the lock, or where sockets can be bound at all. */
function* controlFolders(place: StateFolder, lock: Lock): Iterable<string> {
  if (lock.folder !== null && lock.folder !== place.path) yield lock.folder;
  // By the open folder: whoever may exchange it must not have our socket elsewhere.
  yield place.at('.');
  const made = makePrivateFolder(place.stateDir, place.name);
  if ('path' in made) yield made.path;
}
