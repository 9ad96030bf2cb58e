import { existsSync } from 'node:fs';
import type { Note } from '../core/events.ts';
import { type HealthRow, healthRows } from '../core/health-rows.ts';
import type { Hold, Policy, State } from '../core/model.ts';
import type { Report, StorePort } from '../core/ports.ts';
import { encoded, SNAPSHOT_VERSION, type Snapshot } from '../core/snapshot.ts';
import { stuckRow } from '../core/stopping.ts';
import type { Stamp } from '../core/time.ts';
import { backoffWait } from '../core/waits.ts';
import { readText } from '../host/read-file.ts';
import type { KeptText } from '../probes/keepers.ts';
import { replaceFile } from '../state/atomic-file.ts';
import { liftHold, writeHold } from '../state/hold-file.ts';
import type { Lock } from '../state/lock.ts';
import type { RecordedRun } from '../state/lock-record.ts';
import type { StateFile } from '../state/state-file.ts';
import type { StateFolder } from '../state/state-folder.ts';

/** What a store writes beside the state. */
export interface StoreOf extends Omit<SnapshotOf, 'name'> {
  place: StateFolder;
  file: StateFile;
  lock: Lock;
  /** Told each state after it was handed to the disk: every transition passes here. */
  saved(state: State): void;
  /** What is to be said of the hold, which the machine takes for written. */
  tell(note: Note): void;
}

/** What belongs to a state that is shown. */
export interface SnapshotOf {
  name: string;
  policy: Policy;
  bootId: string;
  command: readonly string[];
  /** Without the secrets in it that the watcher knows; null: there are none. */
  shownCommand?: readonly string[] | null;
  cwd: string;
  now(): Stamp;
}

/**
 * Saves state, lock record and hold. A failure is reported when it begins and when it ends; a hold that could not be
 * written is tried again with every save.
 */
export function createStore(of: StoreOf, report: Report): StorePort {
  let failing = false;
  let unwritten: Hold | null = null;
  let holdFails = false;

  function tryHold(): void {
    if (unwritten === null) return;
    const written = writeHold(of.place, unwritten);
    if (written.ok) unwritten = null;
    // Any file of that name holds, whatever could be written into it, if it lies where the next watcher looks.
    const fails = !written.ok && !existsSync(`${of.place.path}/hold.json`);
    if (fails && !holdFails) of.tell({ kind: 'hold-unwritten', why: written.why });
    if (!fails && holdFails) of.tell({ kind: 'hold-written' });
    holdFails = fails;
  }

  return {
    save(state) {
      of.lock.recordRun(runOf(state));
      tryHold();
      const written = of.file.save(encoded(snapshotOf({ ...of, name: of.place.name }, state)));
      if (!written.ok || failing) {
        failing = !written.ok;
        report({ type: 'save-finished', ok: written.ok, why: written.ok ? null : written.why });
      }
      of.saved(state);
    },
    writeHold(hold) {
      unwritten = hold;
      tryHold();
    },
    liftHold() {
      unwritten = null;
      holdFails = false;
      liftHold(of.place, new Date(of.now().wall));
    },
  };
}

/** The run of which something may be alive: what a later watcher must end first. */
function runOf(state: State): RecordedRun | null {
  const { phase, clearing } = state;
  // While the kill condition is still being read nothing has been spawned.
  if (phase.kind === 'starting')
    return phase.checking ? null : { runId: phase.runId, childPid: null, startTicks: null };
  // What checks a run bears its mark.
  if (phase.kind === 'checking' && clearing === null)
    return { runId: phase.ended.runId, childPid: null, startTicks: null };
  const run = phase.kind === 'running' || phase.kind === 'stopping' ? phase.live : clearing;
  return run === null ? null : { runId: run.runId, childPid: run.pid, startTicks: run.startTicks };
}

/** The state as it is written and shown. */
export function snapshotOf(
  { name, policy, bootId, command, shownCommand = null, cwd, now }: SnapshotOf,
  state: State,
): Snapshot {
  return {
    version: SNAPSHOT_VERSION,
    name,
    bootId,
    savedAt: now(),
    watcherPid: process.pid,
    command,
    ...(shownCommand === null ? {} : { shownCommand }),
    cwd,
    flapWindowMs: policy.flapWindowMs,
    nextBackoffMs: backoffWait(policy, state.backoffStep, state.shortRuns, 0),
    stop: { stopSignal: policy.stopSignal, stopTimeoutMs: policy.stopTimeoutMs, stopTo: policy.stopTo },
    health: healthOf(policy, state),
    state,
  };
}

function healthOf(policy: Policy, { phase, stuck }: State): HealthRow[] {
  const iso = (wall: number) => new Date(wall).toISOString();
  const up = phase.kind === 'running' || phase.kind === 'stopping';
  const rows = up ? healthRows(policy.health, phase.live.health, iso) : [];
  return stuck === null ? rows : [...rows, stuckRow(stuck, iso)];
}

/** What probes keep between watchers is small. */
const KEPT_BYTES = 32_768;

/** A small file of the service's folder. What cannot be read or kept is begun anew. */
export function keptIn(place: StateFolder, file: string): KeptText {
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
