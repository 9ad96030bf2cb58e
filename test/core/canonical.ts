import { FRESH_STATE, on } from '../../src/core/decide.ts';
import type { Effect, Fact } from '../../src/core/events.ts';
import { startHealth } from '../../src/core/health-step.ts';
import type { Clearing, Leaving, Live, Phase, RunId, State, TimerId } from '../../src/core/model.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { CLEAN_START } from './bench.ts';

/** One state of each phase, and one fact of each type that concerns it: the two axes of the table. */
export type PhaseKind = Phase['kind'];

const since: Stamp = { mono: 990_000 as Mono, wall: 1_699_999_990_000 as Wall };
const run = 'run-a' as RunId;
const timer = 7 as TimerId;
const live: Live = {
  runId: run,
  pid: 100,
  startTicks: 1,
  since,
  healthy: false,
  healthyTimer: timer,
  runtimeTimer: null,
  health: startHealth({ probes: [], killWhen: null }, since).state,
  tickTimer: null,
};
const quiet: Live = { ...live, healthyTimer: null };

export const PHASES: { readonly [K in PhaseKind]: Extract<Phase, { kind: K }> } = {
  starting: { kind: 'starting', runId: run, since, checking: false },
  running: { kind: 'running', live },
  stopping: {
    kind: 'stopping',
    live: quiet,
    cause: 'restarted',
    why: 'x',
    reasons: [],
    since,
    signal: 'SIGTERM',
    graceTimer: timer,
    restAskedAt: since.mono,
    killed: null,
  },
  checking: {
    kind: 'checking',
    ended: {
      runId: run,
      exit: { code: 0, signal: null },
      at: since,
      uptimeMs: 10_000,
      healthy: false,
      memory: [{ at: since.wall, bytes: 5 }],
    },
    code: null,
    asked: true,
  },
  backoff: { kind: 'backoff', waitMs: 60_000, since, timer },
  cooldown: { kind: 'cooldown', waitMs: 600_000, since, timer },
  limited: {
    kind: 'limited',
    limit: { cause: 'rate-limited', until: 1_700_000_000_000 as Wall, line: 'x' },
    startAt: 1_700_000_050_000 as Wall,
    since,
    timer,
  },
  waiting: { kind: 'waiting', due: 1_700_000_100_000 as Wall, timer },
  held: { kind: 'held', hold: { cause: 'hold-code', why: 'x', at: since.wall } },
  finished: { kind: 'finished', code: 3 },
  stopped: { kind: 'stopped' },
};

const clearing: Clearing = { runId: run, pid: 100, startTicks: 1, since };
const leaving: Leaving = { code: 0, since, signal: 'SIGTERM', now: false };

/** A known name whose third run is the one spoken of. */
const known: State = { ...FRESH_STATE, run: 3, everUp: true, nextTimer: 8 as TimerId };
/** While something of the run is left its check has not begun. */
const unasked: Phase = { ...PHASES.checking, asked: false };

/** What may stand beside the phase, and in which phases it can. */
export const CONTEXTS = {
  plain: (kind: PhaseKind): State => ({ ...known, phase: PHASES[kind] }),
  clearing: (kind: PhaseKind): State => ({ ...known, phase: kind === 'checking' ? unasked : PHASES[kind], clearing }),
  /** Beside a phase that is down something must be left to clear, or the watcher would be gone. */
  leaving: (kind: PhaseKind): State => {
    const up = kind === 'starting' || kind === 'stopping';
    const phase = kind === 'stopping' ? { ...PHASES.stopping, cause: 'stopped' as const } : PHASES[kind];
    return { ...known, phase, leaving, clearing: up ? null : clearing };
  },
} as const;

type Aged =
  | 'work-done'
  | 'child-spawned'
  | 'child-exited'
  | 'spawn-failed'
  | 'run-cleared'
  | 'run-checked'
  | 'run-stuck'
  | 'timer-fired'
  | 'probes-reported';
export type FactKey = Fact['type'] | `stale ${Aged}`;

/** Of the run and the timer that the canonical states speak of. */
const FACTS: { readonly [T in Fact['type']]: Extract<Fact, { type: T }> } = {
  'watcher-started': CLEAN_START,
  'child-spawned': { type: 'child-spawned', runId: run, pid: 100, startTicks: 1 },
  'child-exited': { type: 'child-exited', runId: run, exit: { code: 1, signal: null } },
  'spawn-failed': { type: 'spawn-failed', runId: run, failure: { kind: 'command-missing', why: 'x' } },
  'run-cleared': { type: 'run-cleared', runId: run, ended: 1 },
  'run-checked': { type: 'run-checked', runId: run, rejection: { by: 'accept', reason: 'too short' } },
  'run-stuck': { type: 'run-stuck', runId: run, survivors: [{ pid: 100, why: 'does not react' }] },
  'timer-fired': { type: 'timer-fired', timer },
  'run-planned': { type: 'run-planned', due: 1_700_000_100_000 as Wall, waitMs: 60_000 },
  'probes-reported': { type: 'probes-reported', runId: run, reports: [] },
  'work-done': { type: 'work-done', runId: run },
  'stop-requested': { type: 'stop-requested', by: 'command', signal: null, now: false },
  'restart-requested': { type: 'restart-requested', by: 'command' },
  'reset-requested': { type: 'reset-requested', by: 'command' },
  'signal-requested': { type: 'signal-requested', by: 'signal', signal: 'SIGUSR1' },
  'save-finished': { type: 'save-finished', ok: false, why: 'no room' },
  'output-reported': { type: 'output-reported', blockedSince: null, droppedBytes: 5 },
};

const FORMER = { runId: 'run-of-before' as RunId };

/** Every key of a row, from the machine's own table: a fact that it learns must get its rows. */
export const FACT_KEYS: readonly FactKey[] = (Object.keys(on) as Fact['type'][]).flatMap(type =>
  'runId' in FACTS[type] || 'timer' in FACTS[type] ? [type, `stale ${type as Aged}` as const] : [type],
);

export function factOf(key: FactKey): Fact {
  if (!key.startsWith('stale ')) return FACTS[key as Fact['type']];
  const fact = FACTS[key.slice('stale '.length) as Aged];
  return fact.type === 'timer-fired' ? { ...fact, timer: 3 as TimerId } : { ...fact, ...FORMER };
}

/** What a fact did, as the table has it: `ignored`, or the next phase and the orders, in no order. */
export function rowOf(before: State, after: State, effects: readonly Effect[]): string {
  if (after === before && effects.length === 0) return 'ignored';
  const beside = [after.clearing === null ? '' : '+clearing', after.leaving === null ? '' : '+leaving'].join('');
  const orders = effects.map(effect => (effect.type === 'tell' ? `tell:${effect.note.kind}` : effect.type));
  return unordered(`${after.phase.kind}${beside}: ${orders.join(' ')}`.trim());
}

/** A row with its orders sorted. */
export function unordered(row: string): string {
  const [phase, ...orders] = row.split(' ');
  return [phase, ...orders.sort()].join(' ');
}
