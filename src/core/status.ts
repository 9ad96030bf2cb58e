import { type HealthRow, memoryOf } from './health-model.ts';
import type { ExitCause, LastExit, LimitWait, Phase, Signal, State } from './model.ts';
import { survivorsText } from './requests.ts';
import { incidentId, type Snapshot } from './snapshot.ts';
import { clipStart } from './text.ts';
import { exitText, type Stamp, type Wall } from './units.ts';

/** One row of `status --json`. Times are RFC 3339 UTC, durations ms, unknown is null, no field is ever missing. */
export interface Status {
  name: string;
  phase: 'running' | 'healthy' | 'unhealthy' | 'lost' | Phase['kind'];
  childPid: number | null;
  watcherPid: number | null;
  command: readonly string[];
  startedAt: string | null;
  uptimeMs: number | null;
  restarts: number;
  crashesInWindow: number;
  backoffMs: number;
  nextStartAt: string | null;
  lastExit: { code: number | null; signal: Signal | null; at: string; cause: ExitCause } | null;
  health: readonly HealthRow[];
  /** Of one core, the whole tree's, over the run; null where nobody has measured it for this reader. */
  cpuPercent: number | null;
  memoryBytes: number | null;
  outputBlockedSince: string | null;
  logDroppedBytes: number;
  holdReason: string | null;
  lastIncidentId: string | null;
  /** Why the next start waits, by the program's own words. */
  limit: { cause: string; until: string | null; line: string | null } | null;
}

/** What a reader of the files knows beside the snapshot. */
export interface Reading {
  now: Stamp;
  /** Whether the watcher that wrote the snapshot is alive. */
  alive: boolean;
  sameBoot: boolean;
  /** The reason in the hold file, if there is one, which binds whatever the state says. */
  holdReason: string | null;
  /** RFC 3339 of a wall time: the core has no Date. */
  iso(wall: number): string;
}

/** It has finished without a success, or could never be started: it is down and stays so. */
export function isFailed({ phase, lastExit }: Pick<Status, 'phase' | 'lastExit'>): boolean {
  return phase === 'finished' && (lastExit === null || !ENDED_WELL.includes(lastExit.cause));
}

const ENDED_WELL: readonly ExitCause[] = ['success', 'stopped', 'restarted'];

/** Restarts that followed an exit. An older state file tells only how many starts there were. */
export function restartsOf(state: State): number {
  return state.restarts ?? Math.max(0, state.run - 1);
}

/** What can truly be said of a name, from its files. */
export function toStatus(snapshot: Snapshot, reading: Reading): Status {
  const { state } = snapshot;
  const { phase } = state;
  const { iso, now, alive, sameBoot } = reading;
  const shown = shownPhase(state, snapshot.health, reading);
  const up = alive && (phase.kind === 'running' || phase.kind === 'stopping') ? phase.live : null;
  const waiting = phase.kind === 'backoff' || phase.kind === 'cooldown' ? phase : null;
  const lost = !alive && shown === 'lost';
  const waits = alive && shown === waiting?.kind ? waiting : null;
  return {
    name: snapshot.name,
    phase: shown,
    childPid: up?.pid ?? (lost && sameBoot && 'live' in phase ? phase.live.pid : null),
    watcherPid: alive ? snapshot.watcherPid : null,
    command: shownCommand(snapshot),
    startedAt: up === null ? null : iso(up.since.wall),
    uptimeMs: up === null ? null : Math.round(Math.max(0, now.mono - up.since.mono)),
    restarts: restartsOf(state),
    crashesInWindow: sameBoot
      ? state.crashes.filter(at => now.mono - at < snapshot.flapWindowMs).length
      : state.crashes.filter(
          at => snapshot.savedAt.mono - at + (now.wall - snapshot.savedAt.wall) < snapshot.flapWindowMs,
        ).length,
    backoffMs: Math.round(waiting?.waitMs ?? snapshot.nextBackoffMs),
    // By what is left of the wait, not by the wall time of its beginning: that clock may have jumped since.
    nextStartAt:
      waits === null
        ? plannedAt(phase, shown, iso)
        : iso(now.wall + Math.max(0, waits.since.mono + waits.waitMs - now.mono)),
    lastExit:
      state.lastExit === null
        ? null
        : {
            code: state.lastExit.code,
            signal: state.lastExit.signal,
            at: iso(state.lastExit.at),
            cause: state.lastExit.cause,
          },
    health: alive ? snapshot.health : [],
    cpuPercent: null,
    memoryBytes: up === null ? null : memoryOf(up.health),
    outputBlockedSince: alive && state.outputBlockedSince !== null ? iso(state.outputBlockedSince.wall) : null,
    logDroppedBytes: state.logDroppedBytes,
    holdReason: reading.holdReason ?? (phase.kind === 'held' ? phase.hold.why : null),
    lastIncidentId: state.incident === null ? null : incidentId(snapshot.name, state.incident.at),
    limit: phase.kind === 'limited' ? { ...phase.limit, until: isoOrNull(phase.limit.until, iso) } : null,
  };
}

/** A state file may come from anybody: what is not a list of words is not shown. */
function shownCommand({ command, shownCommand }: Snapshot): readonly string[] {
  return Array.isArray(shownCommand) ? shownCommand.map(String) : command;
}

function shownPhase(
  { phase, leaving }: State,
  rows: readonly HealthRow[],
  { alive, holdReason }: Reading,
): Status['phase'] {
  const up = phase.kind === 'starting' || phase.kind === 'running' || phase.kind === 'stopping';
  if (phase.kind === 'held' || (holdReason !== null && !(alive && up))) return 'held';
  // A watcher that was ended in such a wait left it to the next one.
  if (!alive && leaving !== null && (phase.kind === 'limited' || phase.kind === 'waiting')) return 'stopped';
  if (!alive) return phase.kind === 'stopped' || phase.kind === 'finished' ? phase.kind : 'lost';
  if (phase.kind !== 'running') return phase.kind;
  if (rows.some(row => row.severity === 'critical' && row.ok === false)) return 'unhealthy';
  return phase.live.healthy ? 'healthy' : 'running';
}

function plannedAt(phase: Phase, shown: Status['phase'], iso: Reading['iso']): string | null {
  if (shown === 'limited' && phase.kind === 'limited') return iso(phase.startAt);
  return shown === 'waiting' && phase.kind === 'waiting' && phase.due !== null ? iso(phase.due) : null;
}

function isoOrNull(at: Wall | null, iso: Reading['iso']): string | null {
  return at === null ? null : iso(at);
}

/** When a service manager is told that the service is there. */
export type ReadyWhen = 'up' | 'healthy';

/**
 * Whether a watcher in this state may be called ready: its child is up (or healthy), or it waits on purpose, which may take hours and is
 * no reason to keep a boot waiting. One that has come to its end counts too: whoever waits learns the rest from its exit.
 */
export function isReady({ phase }: State, when: ReadyWhen): boolean {
  if (phase.kind === 'starting') return false;
  if (phase.kind === 'running') return when === 'up' || phase.live.healthy;
  return phase.kind !== 'stopping';
}

/** What people see as the service's status: phase, restarts, last exit, on one line. */
export function serviceStatus(state: State, rows: readonly HealthRow[], clock: (at: Wall) => string): string {
  const restarts = restartsOf(state);
  const parts = [phaseText(state, rows, clock), `${restarts} restart${restarts === 1 ? '' : 's'}`];
  if (state.stuck !== null) parts.push(`cannot be ended: ${survivorsText(state.stuck.survivors)}`);
  if (state.lastExit !== null) parts.push(`last exit: ${lastExitText(state.lastExit)}`);
  return parts.join(', ').replace(/\s+/g, ' ');
}

/** The phase, and what it waits for. */
export function phaseText({ phase }: State, rows: readonly HealthRow[], clock: (at: Wall) => string): string {
  switch (phase.kind) {
    case 'running': {
      const sick = rows.filter(row => row.severity === 'critical' && row.ok === false).map(row => row.name);
      const word = sick.length > 0 ? `unhealthy (${sick.join(', ')})` : phase.live.healthy ? 'healthy' : 'running';
      return `${word}, pid ${phase.live.pid}`;
    }
    case 'backoff':
    case 'cooldown':
      return `${phase.kind} until ${clock((phase.since.wall + phase.waitMs) as Wall)}`;
    case 'limited':
      return `limited${limitText(phase, clock)}`;
    case 'waiting':
      return phase.due === null ? 'waiting' : `waiting until ${clock(phase.due)}`;
    case 'held':
      return `held (${phase.hold.why})`;
    default:
      return phase.kind;
  }
}

function lastExitText(exit: LastExit): string {
  return `${exitText(exit)} (${exit.cause})`;
}

/** How many runs led to a cooldown, the last of which ended so: a run that ends successfully within seconds is no crash. */
export function flapText(runs: number, cause: ExitCause): string {
  const [one, many] = cause === 'success' ? ['short run', 'short runs'] : ['crash', 'crashes'];
  return `${runs} ${runs === 1 ? one : many}`;
}

/** A cause of a limited wait, for people. */
export function limitWords(cause: string): string {
  if (cause === 'rate-limited') return 'usage limit';
  if (cause === 'budget') return 'budget used up';
  return cause === 'auth-failed' ? 'login refused' : cause;
}

/** ` until 15:46 (usage limit; "…")`, or the next try where nobody knows the end. */
export function limitText(
  { limit, startAt }: { limit: LimitWait; startAt: Wall },
  clock: (at: Wall) => string,
): string {
  const when = limit.until === null ? `, next try ${clock(startAt)}` : ` until ${clock(limit.until)}`;
  const line = limit.line === null ? '' : `; "${clipStart(limit.line, LIMIT_LINE_CHARS)}"`;
  return `${when} (${limitWords(limit.cause)}${line})`;
}

/** So much of the line that states a limit is shown beside others. */
const LIMIT_LINE_CHARS = 160;
