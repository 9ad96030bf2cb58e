import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Hold } from '../core/model.ts';
import { fits } from '../core/shape.ts';
import { stripSequences } from '../core/text.ts';
import type { Wall } from '../core/units.ts';
import { errnoOf, readText, reasonOf } from '../host/read-file.ts';
import { removeIfThere, type Written, writeAll } from './atomic-file.ts';
import type { StateFolder } from './state-folder.ts';

const KEPT = 3;

/**
 * Moves a file that cannot be read out of the way, whatever it is (a folder too): as `<file>.corrupt-<time>`, of which the
 * newest three are kept. Returns the new name, or null and why it had to stay.
 */
export function putAside(path: string, now: Date): { keptAs: string | null; why: string | null } {
  const file = basename(path);
  const folder = dirname(path);
  // Sorts as it reads; a colon in a file's name is trouble for other systems.
  const keptAs = `${file}.corrupt-${now.toISOString().replaceAll(':', '').replace('.', '-')}`;
  try {
    renameSync(path, `${folder}/${keptAs}`);
  } catch (error) {
    return { keptAs: null, why: reasonOf(error) };
  }
  for (const old of keptCopies(folder, file).slice(0, -KEPT)) remove(`${folder}/${old}`);
  return { keptAs, why: null };
}

function keptCopies(folder: string, file: string): string[] {
  return readdirSync(folder)
    .filter(name => name.startsWith(`${file}.corrupt-`))
    .sort();
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // One copy too many is no reason to stop a start.
  }
}

/**
 * `hold.json` says that nothing may start, by being there: what stands in it is for people. It is made from a file of the
 * same size that was written before (`armed.json`), so that it needs no room on the disk.
 */
const HOLD_BYTES = 4096;
const CAUSES = ['kill-condition', 'max-restarts', 'hold-code', 'unreadable'] as const satisfies Hold['cause'][];
const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** Numbers behind a hold, by name, as the metrics source gave them. */
export type HoldValues = Readonly<Record<string, number | string | null>>;

/** Makes `armed.json`, room included, so that a hold can be made on a full disk. */
export function armHold(place: StateFolder): Written {
  const path = place.at('armed.json');
  return attempt(place, () => {
    try {
      writeInPlace(path, armedText());
    } catch (error) {
      // A file without its room would be taken for one with.
      const left = lstatSync(path, { throwIfNoEntry: false });
      if (left?.isFile() && left.size < HOLD_BYTES) removeIfThere(path);
      throw error;
    }
  });
}

/** Holds. Safe from a power cut when it returns ok; otherwise the caller keeps the hold in memory and tries again. */
export function writeHold(place: StateFolder, hold: Hold, values: HoldValues = {}): Written {
  return attempt(place, () => {
    const path = place.at('hold.json');
    const there = lstatSync(path, { throwIfNoEntry: false });
    // Whatever lies there holds already; what cannot be written in is left to `liftHold`.
    if (there !== undefined && !there.isFile()) return;
    // The rename holds at once, whatever comes of the rest.
    if (there === undefined) renameIfThere(place.at('armed.json'), path);
    writeInPlace(path, holdText(hold, values));
    syncFolder(place.at('.'));
  });
}

/** What holds this name; null if nothing does. Any file of that name holds, readable or not. */
export function readHold(place: Pick<StateFolder, 'at'>): Hold | null {
  const path = place.at('hold.json');
  try {
    // As a rule there is none, and to be told so by an exception takes ten times as long.
    if (!isThere(path)) return null;
    const text = readText(path, HOLD_BYTES * 16);
    if (text === null) return null;
    return parseHold(JSON.parse(text), path) ?? unreadable(path, 'its content is not a hold');
  } catch (error) {
    return unreadable(path, error instanceof SyntaxError ? 'it is not JSON' : reasonOf(error));
  }
}

/** Lifts the hold; what lay there in its stead is put aside. The room is kept for the next hold. */
export function liftHold(place: StateFolder, now: Date): Written {
  return attempt(place, () => {
    const path = place.at('hold.json');
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return;
    if (stats.isDirectory()) {
      const { why } = putAside(path, now);
      if (why !== null) throw new Error(why);
    } else if (stats.isFile() && stats.size === HOLD_BYTES && !isThere(place.at('armed.json'))) {
      renameSync(path, place.at('armed.json'));
      writeInPlace(place.at('armed.json'), armedText());
    } else {
      unlinkSync(path);
    }
    syncFolder(place.at('.'));
  });
}

function attempt(place: StateFolder, act: () => void): Written {
  const gone = place.ensure();
  if (gone !== null) return { ok: false, why: gone };
  try {
    act();
    return { ok: true };
  } catch (error) {
    return { ok: false, why: `${place.path}: ${reasonOf(error)}` };
  }
}

function holdText({ cause, why, at }: Hold, values: HoldValues): string {
  const text = (cut: HoldValues, length: number) =>
    JSON.stringify(
      { version: 1, cause, why: why.slice(0, length), at: new Date(at).toISOString(), values: cut },
      null,
      2,
    );
  const whole = text(values, 2000);
  // A reason or numbers beyond all measure are cut rather than the file made longer: a full disk has no more room.
  return Buffer.byteLength(whole) < HOLD_BYTES ? whole : text({}, 500);
}

function armedText(): string {
  return JSON.stringify({ version: 1, armed: 'renamed to hold.json, this file keeps the command from being started' });
}

const holdShape = { object: { cause: { oneOf: CAUSES }, why: 'string', at: 'string' } } as const;

function parseHold(value: unknown, path: string): Hold | null {
  if (fits({ object: { armed: 'string' } }, value)) {
    const why = 'a kill condition tripped; its details could not be written';
    return { cause: 'kill-condition', why, at: changedAt(path) };
  }
  if (!fits(holdShape, value)) return null;
  const time = Date.parse(value.at);
  // The file may be another user's, or written by what was held.
  return Number.isNaN(time) ? null : { cause: value.cause, why: stripSequences(value.why), at: time as Wall };
}

function unreadable(path: string, fault: string): Hold {
  return { cause: 'unreadable', why: `hold.json is there but cannot be read (${fault})`, at: changedAt(path) };
}

/** The last change of the inode, which a rename is too. */
function changedAt(path: string): Wall {
  try {
    return Math.round(lstatSync(path).ctimeMs) as Wall;
  } catch {
    // In a folder that we may not look into.
    return 0 as Wall;
  }
}

/** Overwrites without giving up the room that the file has: padded to its full size, and on the disk when it returns. */
function writeInPlace(path: string, text: string): void {
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeAll(fd, Buffer.from(`${text}${' '.repeat(HOLD_BYTES - 1 - Buffer.byteLength(text))}\n`));
    ftruncateSync(fd, HOLD_BYTES);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
