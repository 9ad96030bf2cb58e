import { existsSync } from 'node:fs';
import { FRESH_STATE } from '../core/decide.ts';
import type { Fact, Leftover, Note } from '../core/events.ts';
import { type HealthRow, healthRows, KILL_WHEN, type Observation } from '../core/health-model.ts';
import type { Hold, Policy, RunId, State } from '../core/model.ts';
import type { Report, StorePort } from '../core/ports.ts';
import { stuckRow } from '../core/requests.ts';
import { encoded, readSnapshot, restore, SNAPSHOT_VERSION, type Snapshot } from '../core/snapshot.ts';
import { clipStart } from '../core/text.ts';
import type { Stamp } from '../core/units.ts';
import { backoffWait } from '../core/waits.ts';
import { bootId, stampNow } from '../host/clock.ts';
import { readText } from '../host/read-file.ts';
import type { KeptText } from '../probes/probe.ts';
import { replaceFile } from '../state/atomic-file.ts';
import { liftHold, readHold, writeHold } from '../state/hold-file.ts';
import type { Lock } from '../state/lock.ts';
import type { RecordedRun } from '../state/lock-record.ts';
import { loadState, type StateFile } from '../state/state-file.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { NotificationSettings, WatchOrder } from './watch-order.ts';

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

/** Where the machine goes on, and the fact that it begins with. */
export interface Found {
  state: State;
  started: Fact;
}

/** What an earlier watcher left: its state on our clock, its hold, its run. */
export function restoreWatch(order: WatchOrder, place: StateFolder, lock: Lock): Found {
  const ofThisBoot = (saved: Snapshot) => saved.bootId === ownBoot();
  const { value, said } = loadState<Snapshot>(place, readSnapshot, ofThisBoot, new Date(), lock.privateFolders);
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
export function leftoverOf({ leftover }: Lock): Leftover | null | 'unknown' {
  if (leftover === null || leftover === 'unknown') return leftover;
  return { runId: leftover.runId as RunId, pid: leftover.childPid, startTicks: leftover.startTicks };
}

/** Tells this boot of the machine from every other. */
export function ownBoot(): string {
  return bootId() ?? 'unknown';
}

/** What names the secrets that a text may quote. */
interface Known {
  env: Readonly<Record<string, string>>;
  notifications: NotificationSettings;
}

type Clean = (text: string) => string;
type Reports = Extract<Fact, { type: 'probes-reported' }>;

/** So much of what a probe saw is kept and shown. */
const DETAIL_CHARS = 300;
/** Texts of the watcher's own that quote nothing: `HTTP 200 in 3ms`, `512M in 3 processes`. */
const PLAIN = /^[\w .,%()/-]*$/;

/**
 * Cleans what probes saw before the machine keeps it: the answer of a server, a line of the output, a value of the metrics may hold a
 * secret, and from here it would go to the state, the hold, `status`, events and the terminal. What cleans is loaded for the first
 * text that may quote; what comes meanwhile waits, but for the kill condition, which waits for nothing.
 */
export function maskReports(known: Known, report: Report): Report {
  let clean: Clean | null = null;
  let waiting: Reports[] | null = null;

  function cleaned(fact: Reports, by: Clean): Reports {
    const reports = fact.reports.map(({ probe, observation }) => ({
      probe,
      observation: quotes(known, observation) ? cleanedOne(observation, by) : observation,
    }));
    return { ...fact, reports };
  }

  async function load(): Promise<void> {
    const loaded = await loadRedactor(known).catch((): Clean => text => crudely(known.env, text));
    clean = loaded;
    for (const fact of waiting?.splice(0) ?? []) report(cleaned(fact, loaded));
    waiting = null;
  }

  return fact => {
    if (fact.type !== 'probes-reported') return report(fact);
    if (clean !== null) return report(cleaned(fact, clean));
    if (waiting === null && !fact.reports.some(({ observation }) => quotes(known, observation))) return report(fact);
    if (waiting === null) {
      waiting = [];
      void load();
    }
    const urgent = fact.reports.filter(({ probe }) => probe === KILL_WHEN);
    const rest = fact.reports.filter(({ probe }) => probe !== KILL_WHEN);
    if (rest.length > 0) waiting.push({ ...fact, reports: rest });
    if (urgent.length > 0) report(cleaned({ ...fact, reports: urgent }, text => crudely(known.env, text)));
  };
}

function quotes({ env }: Known, seen: Observation): boolean {
  const text = textOf(seen);
  return !PLAIN.test(text) || heldBy(env, text).next().done === false;
}

function textOf(seen: Observation): string {
  if (seen.kind === 'condition') return seen.why;
  return 'detail' in seen && seen.kind !== 'progress' ? seen.detail : '';
}

function cleanedOne(seen: Observation, clean: Clean): Observation {
  if (seen.kind === 'condition') return { ...seen, why: clean(seen.why) };
  return 'detail' in seen
    ? { ...seen, detail: clipStart(clean(seen.detail).replace(/\s+/g, ' '), DETAIL_CHARS) }
    : seen;
}

const NAMES_A_SECRET =
  /key|token|secret|pass|pwd|cred|auth|cookie|session|dsn|url|uri|private|mnemonic|seed|_pat$|_pw$|salt/i;
const SHORTEST_CHARS = 5;

/** The values of the environment that may be secret, as far as the text holds them. */
function* heldBy(env: Known['env'], text: string): Generator<string> {
  for (const [name, value] of Object.entries(env))
    if (value.length >= SHORTEST_CHARS && NAMES_A_SECRET.test(name) && text.includes(value)) yield value;
}

/** Without what cleans thoroughly: the values of the environment, and words that mix letters and digits as no name does. */
function crudely(env: Known['env'], text: string): string {
  let shown = text;
  for (const value of heldBy(env, text)) shown = shown.replaceAll(value, '[redacted value]');
  return shown.replace(/[\w+/=.-]{20,}/g, word =>
    /\d/.test(word) && /[a-z]/i.test(word) && !/^[a-z]+(?:[_.][a-z0-9]+)+$/i.test(word) ? '[redacted value]' : word,
  );
}

async function loadRedactor({ env, notifications }: Known): Promise<Clean> {
  const { configuredSecrets, redactorFor } = await import('./response/redactor.ts');
  return redactorFor(env, configuredSecrets(notifications));
}

/** The command as `status` shows it, where it holds a value that the environment names as a secret; null: as it is. */
export async function commandToShow(command: readonly string[], known: Known): Promise<readonly string[] | null> {
  if (heldBy(known.env, command.join(' ')).next().done === true) return null;
  const clean = await loadRedactor(known);
  return command.map(clean);
}
