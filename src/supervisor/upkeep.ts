/**
 * Keeps the way to a live watcher open. Whoever sweeps old files (tmpreaper, systemd-tmpfiles, `rm`) must not make it unreachable,
 * unknown, or doubled: its socket, lock, record and state are looked at now and then, and made again where they are gone.
 */
import { lstatSync } from 'node:fs';
import type { LastingControl } from '../control/server.ts';
import type { Hold } from '../core/model.ts';
import { monoNow } from '../host/clock.ts';
import { armHold, readHold, writeHold } from '../state/hold-file.ts';
import type { Lock } from '../state/lock.ts';
import type { StateFile } from '../state/state-file.ts';
import type { StateFolder } from '../state/state-folder.ts';

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
export function startUpkeep(of: UpkeepOf): Upkeep {
  let looks = 0;
  let lookedAt = monoNow();
  let settled: string | null = null;
  const lookNow = async () => {
    looks += 1;
    lookedAt = monoNow();
    const before = folderStamp(of);
    if (before !== null && before === settled && looks % THOROUGH_EVERY !== 0) return;
    settled = (await look(of)) ? before : null;
  };
  const timer = setInterval(() => void lookNow(), LOOK_EVERY_MS).unref();
  return {
    join() {
      if (monoNow() - lookedAt < JOIN_AFTER_MS) return;
      timer.refresh();
      void lookNow();
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
