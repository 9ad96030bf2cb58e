import { FRESH_STATE } from './decide.ts';
import type { HealthRow } from './health-model.ts';
import type { Phase, Policy, State } from './model.ts';
import { faultOf, isRecord, type Shape } from './shape.ts';
import { healthRowShape, stateShape } from './state-shape.ts';
import type { Mono, Stamp, Wall } from './units.ts';
import { NO_TROUBLES } from './waits.ts';

/** The version of the state file's form. A file of a later one is put aside, not guessed at. */
export const SNAPSHOT_VERSION = 1;

/** What the state file holds: the machine's whole state, and what a reader needs to make sense of it. */
export interface Snapshot {
  version: typeof SNAPSHOT_VERSION;
  name: string;
  /** Tells one boot of the machine from the next; within one, monotonic times of different watchers compare. */
  bootId: string;
  savedAt: Stamp;
  watcherPid: number;
  /** As it was given: readers mask what looks secret before they show it. */
  command: readonly string[];
  /** The same without the secrets that the watcher knows; null or absent: it holds none. */
  shownCommand?: readonly string[] | null;
  /** The child's working directory. */
  cwd: string;
  /** What the numbers in the state are to be read by. */
  flapWindowMs: number;
  nextBackoffMs: number;
  /** How a run of it is stopped, for the process that ends what a dead watcher left. */
  stop: StopSettings;
  /** The probes of the run that is up, ready to be shown. */
  health: readonly HealthRow[];
  state: State;
}

export type StopSettings = Pick<Policy, 'stopSignal' | 'stopTimeoutMs' | 'stopTo'>;

/** An older watcher asked the whole tree at once. */
const ALL_ASKED = { signal: 'SIGTERM', restAskedAt: 0 } as const;
const DEFAULT_STOP: StopSettings = { stopSignal: 'SIGTERM', stopTimeoutMs: 10_000, stopTo: 'main' };

const snapshotShape: Shape = {
  object: {
    version: { is: value => value === SNAPSHOT_VERSION, what: `version ${SNAPSHOT_VERSION}` },
    name: 'string',
    bootId: 'string',
    savedAt: { object: { mono: 'number', wall: 'number' } },
    watcherPid: 'number',
    command: { list: 'string' },
    cwd: 'string',
    flapWindowMs: 'number',
    nextBackoffMs: 'number',
    stop: { object: { stopSignal: 'string', stopTimeoutMs: 'number', stopTo: { oneOf: ['main', 'tree'] } } },
    health: { list: healthRowShape },
    state: stateShape,
  },
};

/** Reads what a state file parsed to. Returns the snapshot, or in one phrase why it is none. */
export function readSnapshot(value: unknown): Snapshot | string {
  const read = decoded(value);
  const fault = faultOf(snapshotShape, read);
  return fault ?? (read as Snapshot);
}

/**
 * The snapshot as it is written: what this version knows and an earlier one does not, in words that an earlier one takes for
 * what comes nearest (a limited wait for a backoff, a check for one that is over, an end by a limit for a crash), with the rest in
 * fields that it ignores.
 */
export function encoded({ state, ...rest }: Snapshot): unknown {
  const { phase, lastExit } = state;
  return {
    ...rest,
    state: {
      ...state,
      phase: encodedPhase(phase),
      lastExit: lastExit?.cause === 'limited' ? { ...lastExit, cause: 'crash', limited: true } : lastExit,
    },
  };
}

function encodedPhase(phase: Phase): Phase | Readonly<Record<string, unknown>> {
  if (phase.kind === 'limited') {
    const { limit, startAt, since, timer } = phase;
    return { kind: 'backoff', waitMs: Math.max(0, startAt - since.wall), since, timer, limit, startAt };
  }
  if (phase.kind === 'checking') {
    const { kind: _notYetKnown, ...check } = phase;
    return { kind: 'backoff', waitMs: 0, since: phase.ended.at, timer: null, check };
  }
  return phase.kind === 'stopping' && phase.cause === 'done' ? { ...phase, cause: 'restarted', done: true } : phase;
}

/** The reverse; and what an earlier version did not write yet has the value that it had then. */
function decoded(value: unknown): unknown {
  if (!isRecord(value) || !isRecord(value['state'])) return value;
  const { state } = value;
  const { limitsInRow, refusalsInRow, resumeNext, resumedInRow, stepBefore } = FRESH_STATE;
  const { incident } = state;
  return {
    stop: DEFAULT_STOP,
    ...value,
    state: {
      limitsInRow,
      refusalsInRow,
      resumeNext,
      resumedInRow,
      stepBefore,
      stuck: null,
      ...state,
      phase: decodedPhase(state['phase']),
      lastExit: decodedExit(state['lastExit']),
      incident: isRecord(incident) ? { limited: false, ...incident } : incident,
    },
  };
}

function decodedPhase(phase: unknown): unknown {
  if (isRecord(phase) && phase['kind'] === 'stopping' && phase['restAskedAt'] === undefined) {
    const { killed } = phase;
    return { ...phase, ...ALL_ASKED, killed: killed === true ? 'tree' : killed === false ? null : killed };
  }
  if (isRecord(phase) && phase['kind'] === 'stopping' && phase['done'] === true) {
    const { done: _forThisVersion, ...rest } = phase;
    return { ...rest, cause: 'done' };
  }
  if (isRecord(phase) && phase['kind'] === 'backoff' && isRecord(phase['check']))
    return { ...phase['check'], kind: 'checking' };
  if (!isRecord(phase) || phase['kind'] !== 'backoff' || !isRecord(phase['limit'])) return phase;
  const { waitMs: _forEarlierVersions, ...rest } = phase;
  return { ...rest, kind: 'limited' };
}

function decodedExit(exit: unknown): unknown {
  if (!isRecord(exit) || exit['limited'] !== true) return exit;
  const { limited: _forThisVersion, ...rest } = exit;
  return { ...rest, cause: 'limited' };
}

/**
 * The state as this watcher must see it: times of another boot are moved onto our monotonic clock by what the wall
 * clocks say has passed since the save, never less than nothing.
 */
export function restore(snapshot: Snapshot, bootId: string, now: Stamp): State {
  if (snapshot.bootId === bootId) return snapshot.state;
  const passedMs = Math.max(0, now.wall - snapshot.savedAt.wall);
  const shift = now.mono - passedMs - snapshot.savedAt.mono;
  return shiftTimes(snapshot.state, shift) as State;
}

/** Adds to every monotonic time in the state. They are the fields named `mono`, and the lists of bare ones. */
function shiftTimes(value: unknown, shift: number, key = ''): unknown {
  if (typeof value === 'number') return key === 'mono' ? value + shift : value;
  if (Array.isArray(value)) {
    return value.map(item => (key === 'crashes' || key === 'slowDeaths' ? (((item as Mono) + shift) as Mono) : item));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shiftTimes(item, shift, name)]));
}

/** What stands in for a state file that is missing or broken, for a reader. */
export function emptySnapshot(name: string, bootId: string, now: Stamp): Snapshot {
  return {
    version: SNAPSHOT_VERSION,
    name,
    bootId,
    savedAt: now,
    watcherPid: 0,
    command: [],
    cwd: '/',
    flapWindowMs: 0,
    nextBackoffMs: 0,
    stop: DEFAULT_STOP,
    health: [],
    state: FRESH_STATE,
  };
}

/** The id of the incident of that name and time: unique, since one name has one watcher, and safe as a part of a path. */
export function incidentId(name: string, at: Wall): string {
  return `${name}-${at.toString(36)}`;
}

/** A state in which nothing stands against a start: what a reset makes of one that no watcher has in hand. */
export function forgetTroubles(state: State): State {
  const { phase } = state;
  const down =
    phase.kind === 'held' || phase.kind === 'backoff' || phase.kind === 'cooldown' || phase.kind === 'limited';
  return { ...state, phase: down ? { kind: 'stopped' } : phase, ...NO_TROUBLES };
}
