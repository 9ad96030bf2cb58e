/**
 * Keeps the way to a live watcher open. Whoever sweeps old files (tmpreaper, systemd-tmpfiles, `rm`) must not make it unreachable,
 * unknown, or doubled: its socket, lock, record and state are looked at now and then, and made again where they are gone.
 */
import type { LastingControl } from '../control/server.ts';
import type { Hold } from '../core/model.ts';
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

const LOOK_EVERY_MS = 2000;

/** Looks until it is stopped. */
export function startUpkeep(of: UpkeepOf): { stop(): void } {
  const timer = setInterval(() => void look(of), LOOK_EVERY_MS).unref();
  return { stop: () => clearInterval(timer) };
}

async function look({ place, lock, file, control, armed, hold, save, warn, lost }: UpkeepOf): Promise<void> {
  const gone: string[] = [];
  if (place.ensure() === null) {
    const renewed = lock.renew();
    if (typeof renewed === 'object') return lost(renewed.takenBy);
    if (renewed) gone.push('lock');
    if (file.isGone()) {
      gone.push('state');
      save();
    }
    const held = hold();
    if (readHold(place) === null) {
      if (held !== null && writeHold(place, held).ok) gone.push('hold');
      else if (armed) armHold(place);
    }
  }
  const hadSocket = control.isThere();
  if ((await control.ensure()) === null && hadSocket === false) gone.push('socket');
  if (gone.length > 0) warn(`${gone.join(', ')} in ${place.path} had been removed or moved away; made again`);
}
