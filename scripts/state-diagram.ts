/**
 * The state diagram of the supervisor, found by asking `decide` itself: from a fresh state, each kind of policy and each
 * kind of fact is tried on every state that differs from the ones seen before. Nothing of it is written by hand but the
 * names of the facts.
 */
import { decide, FRESH_STATE, on } from '../src/core/decide.ts';
import type { EndReading, Event, Fact } from '../src/core/events.ts';
import { type HealthPolicy, KILL_WHEN } from '../src/core/health-model.ts';
import type { Exit, Phase, Policy, RunId, State, TimerId } from '../src/core/model.ts';
import type { Mono, Wall } from '../src/core/units.ts';

type PhaseKind = Phase['kind'];
/** A change of phase. `start` and `end` are the watcher's own. */
export interface Transition {
  readonly from: PhaseKind | 'start';
  readonly to: PhaseKind | 'end';
  readonly fact: Fact['type'];
}

/** What an arrow says. */
const labels: Readonly<Record<Fact['type'], string>> = {
  'watcher-started': 'watcher started',
  'child-spawned': 'spawned',
  'spawn-failed': 'spawn failed',
  'child-exited': 'exit',
  'run-checked': 'verdict on the output',
  'run-cleared': 'process tree ended',
  'run-stuck': 'process cannot be ended',
  'timer-fired': 'timer',
  'run-planned': 'schedule',
  'probes-reported': 'probe report',
  'work-done': 'work done',
  'stop-requested': 'stop',
  'restart-requested': 'restart',
  'reset-requested': 'reset',
  'signal-requested': 'signal',
  'save-finished': 'state saved',
  'output-reported': 'output report',
};

const order: Readonly<Record<Transition['from'] | Transition['to'], number>> = {
  ...{ start: 0, starting: 1, running: 2, stopping: 3, checking: 4, backoff: 5, cooldown: 6, limited: 7, waiting: 8 },
  ...{ held: 9, finished: 10, stopped: 11, end: 12 },
};

const base: Policy = {
  restart: 'always',
  backoffMs: 1000,
  backoffFactor: 2,
  backoffMaxMs: 3_600_000,
  jitter: 0,
  healthyAfterMs: 120_000,
  flapThreshold: 2,
  flapWindowMs: 300_000,
  flapCooldownMs: 600_000,
  maxRestarts: null,
  successCodes: [0],
  holdCodes: [78],
  onHold: 'wait',
  stopSignal: 'SIGTERM',
  stopSignalGiven: false,
  stopTimeoutMs: 10_000,
  dumpSignal: null,
  resumes: false,
  stopTo: 'main',
  maxRuntimeMs: null,
  expectDurationMs: null,
  onCause: { 'rate-limited': { kind: 'wait', everyMs: null } },
  maxWaitMs: 691_200_000,
  scheduled: false,
  checksRuns: false,
  health: { probes: [], killWhen: null },
};
const probes: HealthPolicy['probes'] = [
  {
    ...{ way: 'asked', ownWords: true, endsAs: 'probe', isMemory: false, judged: true, severity: 'critical' },
    ...{ name: 'port:1', kind: 'port', intervalMs: 30_000, retries: 1, graceMs: 0 },
  },
];
const policies: readonly Policy[] = [
  base,
  { ...base, restart: 'on-failure' },
  { ...base, restart: 'never' },
  { ...base, scheduled: true },
  { ...base, onHold: 'exit' },
  ...(['always', 'on-failure', 'never'] as const).map(restart => ({ ...base, restart, checksRuns: true })),
  { ...base, scheduled: true, checksRuns: true },
  { ...base, checksRuns: true, onCause: { 'not-accepted': { kind: 'wait' as const, everyMs: 60_000 } } },
  { ...base, checksRuns: true, onCause: { 'not-accepted': { kind: 'hold' as const } } },
  { ...base, maxRestarts: 0 },
  { ...base, maxRuntimeMs: 1000 },
  { ...base, health: { probes, killWhen: null } },
  { ...base, health: { probes: [], killWhen: { intervalMs: 5000, maxAgeMs: 300_000, blindTrips: true } } },
];

/** Every change of phase that can be reached, each once, in the order in which a reader meets them. */
export function transitions(): Transition[] {
  const found = new Map<string, Transition>();
  for (const policy of policies) explore(policy, found);
  const placeOf = ({ from, to, fact }: Transition) =>
    (order[from] * 100 + order[to]) * 100 + Object.keys(labels).indexOf(fact);
  return [...found.values()].sort((a, b) => placeOf(a) - placeOf(b));
}

/** Breadth first over the states that differ in what the machine branches on. */
function explore(policy: Policy, found: Map<string, Transition>): void {
  const seen = new Set<string>();
  const queue = [{ state: FRESH_STATE, mono: 1_000_000, watched: false }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { state, mono, watched } = next;
    for (const passedMs of [1, 3_600_000]) {
      const facts = watched ? factsAbout(state) : [];
      for (const fact of [...starts, ...facts]) {
        const at = { mono: (mono + passedMs) as Mono, wall: (1_700_000_000_000 + mono + passedMs) as Wall };
        const event = { ...fact, at, roll: 0, freshRunId: `run-${seen.size}` as RunId } as Event;
        const { state: after, effects } = decide(policy, state, event);
        // A fact that no world reports here.
        if (effects.some(effect => effect.type === 'report-bug')) continue;
        const from = fact.type === 'watcher-started' ? 'start' : state.phase.kind;
        note(found, { from, to: after.phase.kind, fact: fact.type });
        const ends = effects.some(effect => effect.type === 'exit-watcher');
        if (ends) note(found, { from: after.phase.kind, to: 'end', fact: fact.type });
        const key = keyOf(after, ends);
        if (!seen.has(key)) queue.push({ state: after, mono: at.mono, watched: !ends });
        seen.add(key);
      }
    }
  }
}

function note(found: Map<string, Transition>, transition: Transition): void {
  const { from, to, fact } = transition;
  if (from !== to) found.set(`${from} ${to} ${fact}`, transition);
}

/** What the machine branches on: two states with the same key have the same ways on. */
function keyOf({ phase, clearing, leaving, stuck, crashes, everUp }: State, ends: boolean): string {
  const own = [
    phase.kind === 'starting' && phase.checking,
    phase.kind === 'stopping' ? `${phase.cause} ${phase.restAskedAt === null} ${phase.killed}` : '',
    phase.kind === 'checking' && phase.asked,
    'timer' in phase && phase.timer === null,
    'live' in phase && phase.live.healthy,
    'live' in phase && phase.live.runtimeTimer === null,
  ];
  const beside = [clearing === null, leaving?.now ?? null, stuck === null, crashes.length, everUp, ends];
  return [phase.kind, ...own, ...beside].join('|');
}

const starts: readonly Fact[] = [
  { type: 'watcher-started', hold: null, newCommand: false, sameBoot: true, leftover: null },
  {
    ...{ type: 'watcher-started', newCommand: false, sameBoot: true, leftover: null },
    hold: { cause: 'kill-condition', why: 'x', at: 5 as Wall },
  },
];

const silent: EndReading = { cause: null, limit: null, line: null, success: null, why: null };
const exits: readonly Exit[] = [
  { code: 0, signal: null },
  { code: 1, signal: null },
  { code: 78, signal: null },
];

/** One fact of each kind, about the run and the timers that the state knows. */
function factsAbout(state: State): Fact[] {
  const { phase, clearing, leaving } = state;
  const live = 'live' in phase ? phase.live : null;
  const known =
    phase.kind === 'starting' ? phase.runId : phase.kind === 'checking' ? phase.ended.runId : clearing?.runId;
  const runId = live?.runId ?? known ?? ('none' as RunId);
  const until = (1_700_000_000_000 + 9_000_000_000) as Wall;
  const limited = { ...silent, cause: 'rate-limited', limit: { kind: 'quota', until, own: true }, line: 'x' } as const;
  const kinds: { readonly [T in Fact['type']]: readonly Omit<Extract<Fact, { type: T }>, 'type'>[] } = {
    'watcher-started': [],
    'child-spawned': [{ runId, pid: 100, startTicks: 1 }],
    'spawn-failed': [{ runId, failure: { kind: 'command-missing', why: 'x' } }],
    'child-exited': [...exits.map(exit => ({ runId, exit })), { runId, exit: exits[1] as Exit, reading: limited }],
    'run-checked': [
      { runId, rejection: null },
      { runId, rejection: { by: 'accept', reason: 'x' } },
    ],
    'run-cleared': [{ runId, ended: 1 }],
    'run-stuck': [{ runId, survivors: [{ pid: 100, why: 'x' }] }],
    'timer-fired': timersOf(state).map(timer => ({ timer })),
    'run-planned': [
      { due: until, waitMs: 60_000 },
      { due: until, waitMs: 0 },
      { due: null, waitMs: 0 },
    ],
    'probes-reported': (['clear', 'tripped'] as const).map(result => ({ runId, reports: reports(result) })),
    'work-done': [{ runId }],
    'stop-requested': [
      { by: 'command', signal: null, now: false },
      { by: 'signal', signal: 'SIGTERM', now: false },
      { by: 'command', signal: null, now: true },
    ],
    // A watcher that is to end is asked for nothing more.
    'restart-requested': leaving === null ? [{ by: 'command' }] : [],
    'reset-requested': leaving === null ? [{ by: 'command' }] : [],
    'signal-requested': [{ by: 'command', signal: 'SIGUSR1' }],
    'save-finished': [],
    'output-reported': [],
  };
  return (Object.keys(on) as Fact['type'][]).flatMap(type => kinds[type].map(rest => ({ type, ...rest }) as Fact));
}

const reports = (result: 'clear' | 'tripped') => [
  { probe: 'port:1', observation: { kind: 'answer', ok: result === 'clear', detail: 'x', value: null } as const },
  { probe: KILL_WHEN, observation: { kind: 'condition', result, notYet: false, why: 'x' } as const },
];

function timersOf({ phase }: State): TimerId[] {
  const live = 'live' in phase ? [phase.live.healthyTimer, phase.live.runtimeTimer, phase.live.tickTimer] : [];
  const own = 'timer' in phase ? [phase.timer] : phase.kind === 'stopping' ? [phase.graceTimer] : [];
  return [...live, ...own].filter(timer => timer !== null);
}

/** The transitions as a Mermaid diagram, one arrow for each pair of phases. */
export function stateDiagram(): string {
  const arrows = new Map<string, string[]>();
  for (const { from, to, fact } of transitions()) {
    const arrow = `${from === 'start' ? '[*]' : from} --> ${to === 'end' ? '[*]' : to}`;
    arrows.set(arrow, [...(arrows.get(arrow) ?? []), labels[fact]]);
  }
  const lines = [...arrows].map(([arrow, said]) => `    ${arrow}: ${said.join(', ')}`);
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n');
}
