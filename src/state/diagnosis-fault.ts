import { join } from 'node:path';
import { readText } from '../host/read-file.ts';
import type { Place } from './place.ts';
import { replaceFile } from './replace-file.ts';
import { removeIfThere } from './whole-file.ts';

/** Why a model gave no answer, for `status`: beside the state, since the machine neither knows of models nor waits for them. */
const FILE = 'diagnosis-fault.json';
const MOST_BYTES = 8192;

/** Keeps the reason, or with null forgets it. Throws the system's error. */
export function keepDiagnosisFault(place: Pick<Place, 'at' | 'ensure'>, why: string | null): void {
  if (why === null) return removeIfThere(place.at(FILE));
  const gone = place.ensure();
  if (gone !== null) throw new Error(gone);
  replaceFile(place.at(FILE), `${JSON.stringify({ watcherPid: process.pid, why })}\n`);
}

/** What the watcher with that pid could not get an answer for; null: nothing, or it was another watcher, and long ago. */
export function readDiagnosisFault(stateDir: string, name: string, watcherPid: number): string | null {
  const path = join(stateDir, name, FILE);
  try {
    const kept: { watcherPid?: unknown; why?: unknown } | null = JSON.parse(readText(path, MOST_BYTES) ?? 'null');
    return kept?.watcherPid === watcherPid && typeof kept.why === 'string' ? kept.why : null;
  } catch {
    // Unreadable or broken: it is a remark, and what matters stands in the state.
    return null;
  }
}
