import fc from 'fast-check';
import { decide, FRESH_STATE } from '../../src/core/decide.ts';
import type { Effect, EndReading, Event, Fact } from '../../src/core/events.ts';
import { type HealthPolicy, KILL_WHEN } from '../../src/core/health-model.ts';
import type { Policy, RunId, Signal, State, TimerId } from '../../src/core/model.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';

/** None, one that is asked, and with a kill condition. */
const asked = {
  way: 'asked',
  ownWords: true,
  endsAs: 'probe',
  isMemory: false,
  name: 'port:1',
  severity: 'critical',
  kind: 'port',
  intervalMs: 30_000,
} as const;
const HEALTH_POLICIES: readonly HealthPolicy[] = [
  { probes: [], killWhen: null },
  { probes: [{ ...asked, retries: 2, graceMs: 60_000, judged: true }], killWhen: null },
  { probes: [], killWhen: { intervalMs: 5000, maxAgeMs: 300_000, blindTrips: true } },
];

/** Any policy that the command line can make, small times included. */
export const policies: fc.Arbitrary<Policy> = fc.record({
  restart: fc.constantFrom('always', 'on-failure', 'never'),
  backoffMs: fc.constantFrom(0, 1, 1000, 60_000),
  backoffFactor: fc.constantFrom(1, 1.5, 2, 100),
  backoffMaxMs: fc.constantFrom(0, 5000, 3_600_000),
  jitter: fc.constantFrom(0, 0.1, 1),
  healthyAfterMs: fc.constantFrom(0, 1000, 120_000),
  flapThreshold: fc.constantFrom(0, 1, 3, 5),
  flapWindowMs: fc.constantFrom(0, 1000, 300_000),
  flapCooldownMs: fc.constantFrom(0, 600_000),
  maxRestarts: fc.constantFrom(null, 0, 1, 3),
  successCodes: fc.constantFrom<readonly number[]>([0], [], [0, 1]),
  holdCodes: fc.constantFrom<readonly number[]>([], [78], [0, 1]),
  onHold: fc.constantFrom('wait', 'exit'),
  stopSignal: fc.constantFrom<Signal>('SIGTERM', 'SIGQUIT'),
  stopSignalGiven: fc.boolean(),
  stopTimeoutMs: fc.constantFrom(0, 10_000),
  dumpSignal: fc.constantFrom(null, 'SIGQUIT'),
  stopTo: fc.constantFrom('main', 'tree'),
  maxRuntimeMs: fc.constantFrom(null, 1, 60_000),
  expectDurationMs: fc.constantFrom(null, 1, 50_000),
  onCause: fc.constantFrom(
    {},
    { 'rate-limited': { kind: 'wait', everyMs: null }, 'auth-failed': { kind: 'wait', everyMs: 900_000 } },
    { 'auth-failed': { kind: 'hold' } },
  ),
  maxWaitMs: fc.constantFrom(60_000, 691_200_000),
  resumes: fc.boolean(),
  scheduled: fc.boolean(),
  checksRuns: fc.boolean(),
  health: fc.constantFrom(...HEALTH_POLICIES),
});

/** One thing that happens: a fact whose ids are chosen when it is known which there are, and how long after the last. */
interface Step {
  type: Fact['type'];
  /** Which run or timer is meant: 0 is the current one, others are former, or never were. */
  which: number;
  variant: number;
  passedMs: number;
}

const types: readonly Fact['type'][] = [
  'watcher-started',
  'child-spawned',
  'spawn-failed',
  'child-exited',
  'run-cleared',
  'run-checked',
  'run-stuck',
  'timer-fired',
  'work-done',
  'stop-requested',
  'restart-requested',
  'reset-requested',
  'signal-requested',
  'save-finished',
  'output-reported',
];
// What a child does comes most often, or few walks would get anywhere.
const often: readonly Fact['type'][] = ['child-spawned', 'child-exited', 'run-cleared', 'run-checked', 'timer-fired'];

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...often) },
    { weight: 1, arbitrary: fc.constantFrom(...types) },
  ),
  which: fc.constantFrom(0, 0, 0, 0, 1, 2),
  variant: fc.nat(23),
  passedMs: fc.constantFrom(0, 1, 500, 1000, 20_000, 120_000, 600_000),
});

/** A state that can be reached, the event that comes next, and what the machine makes of it. */
export interface Walk {
  policy: Policy;
  state: State;
  event: Event;
}

/** Walks from a fresh state, the last step not yet taken. */
export const walks: fc.Arbitrary<Walk> = fc
  .tuple(policies, fc.array(step, { minLength: 1, maxLength: 40 }))
  .map(([policy, steps]) => walk(policy, steps));

/** Takes all steps but the last. */
function walk(policy: Policy, steps: readonly Step[]): Walk {
  let state = FRESH_STATE;
  let mono = 1_000_000;
  let event = eventOf(state, { type: 'watcher-started', which: 0, variant: 0, passedMs: 0 }, mono, 0);
  steps.forEach((one, index) => {
    state = decide(policy, state, event).state;
    mono += one.passedMs;
    event = eventOf(state, one, mono, index + 1);
  });
  return { policy, state, event };
}

function eventOf(state: State, { type, which, variant }: Step, mono: number, index: number): Event {
  const at: Stamp = { mono: mono as Mono, wall: (1_700_000_000_000 + mono) as Wall };
  const fact = factOf(state, type, which, variant);
  return { ...fact, at, roll: (variant % 10) / 10, freshRunId: `run-${index}` as RunId } as Event;
}

function factOf(state: State, type: Fact['type'], which: number, variant: number): Fact {
  const runId = which === 0 ? (currentRun(state) ?? ('no-run' as RunId)) : (`run-${variant}` as RunId);
  const odd = variant % 2 === 1;
  switch (type) {
    case 'watcher-started': {
      const hold = variant % 5 === 1 ? ({ cause: 'unreadable', why: 'x', at: 5 as Wall } as const) : null;
      const leftover = [null, 'unknown', { runId, pid: null, startTicks: null }][variant % 3] ?? null;
      return { type, hold, newCommand: odd, sameBoot: variant % 7 !== 0, leftover: leftover as null };
    }
    case 'child-spawned':
      return { type, runId, pid: 100 + variant, startTicks: odd ? null : variant };
    case 'spawn-failed': {
      const kinds = ['command-missing', 'not-executable', 'interpreter-missing', 'cwd-missing', 'other'] as const;
      return { type, runId, failure: { kind: kinds[variant % 5] ?? 'other', why: 'x' } };
    }
    case 'child-exited':
      return {
        type,
        runId,
        exit: odd ? { code: null, signal: 'SIGKILL' } : { code: [0, 1, 78][variant % 3] ?? 0, signal: null },
        reading: readingOf(variant),
      };
    case 'run-cleared':
      return { type, runId, ended: variant % 3 };
    case 'run-checked':
      return {
        type,
        runId,
        rejection: odd ? null : { by: 'accept', reason: 'x', ...(variant === 2 ? { same: true } : {}) },
      };
    case 'run-stuck':
      return { type, runId, survivors: [{ pid: 100 + variant, why: 'x' }] };
    case 'work-done':
      return { type, runId };
    case 'timer-fired':
      return { type, timer: pick(timersOf(state), variant, which) };
    case 'run-planned':
      return { type, due: variant % 5 === 0 ? null : (variant as Wall), waitMs: odd ? 0 : variant };
    case 'probes-reported': {
      const seen = (['clear', 'tripped', 'blind'] as const)[variant % 3] ?? 'clear';
      return {
        type,
        runId,
        reports: [
          { probe: 'port:1', observation: { kind: 'answer', ok: odd, detail: 'x', value: null } },
          { probe: KILL_WHEN, observation: { kind: 'condition', result: seen, notYet: odd, why: 'x' } },
        ],
      };
    }
    case 'stop-requested':
      return { type, by: 'signal', signal: pick3(['SIGTERM', 'SIGINT', null], variant), now: variant % 4 === 0 };
    case 'restart-requested':
    case 'reset-requested':
      return { type, by: 'command' };
    case 'signal-requested':
      return { type, by: 'command', signal: 'SIGUSR1' };
    case 'save-finished':
      return { type, ok: odd, why: odd ? null : 'no room' };
    case 'output-reported':
      return { type, blockedSince: odd ? null : { mono: 1 as Mono, wall: 1 as Wall }, droppedBytes: variant };
    default:
      return type satisfies never;
  }
}

/** What an end may say of itself: nothing, a limit with an end near, far or unknown, a refused login, a success. */
function readingOf(variant: number): EndReading | null {
  const none = { cause: null, limit: null, line: null, success: null, why: null };
  const limit = (untilMs: number | null): EndReading => {
    const until = untilMs === null ? null : ((1_700_000_000_000 + untilMs) as Wall);
    return { ...none, cause: 'rate-limited', limit: { kind: 'quota', until, own: true }, line: 'x' };
  };
  const kinds = [
    null,
    limit(null),
    limit(60_000),
    limit(9_000_000),
    { ...none, cause: 'auth-failed' },
    { ...none, success: false },
  ];
  return kinds[variant % 12] ?? null;
}

const pick3 = <T>(list: readonly [T, T, T], n: number): T => list[n % 3] as T;

function pick(timers: readonly TimerId[], variant: number, which: number): TimerId {
  return (which === 0 ? timers[variant % Math.max(1, timers.length)] : undefined) ?? (variant as TimerId);
}

/** The run that the state speaks of, up or being cleared. */
export function currentRun(state: State): RunId | null {
  const { phase, clearing } = state;
  if (phase.kind === 'starting') return phase.runId;
  if (phase.kind === 'checking') return phase.ended.runId;
  return 'live' in phase ? phase.live.runId : (clearing?.runId ?? null);
}

/** Every timer that the state knows to be armed. */
export function timersOf({ phase, saveTimer }: State): TimerId[] {
  const known: (TimerId | null)[] = [saveTimer];
  if ('live' in phase) known.push(phase.live.healthyTimer, phase.live.runtimeTimer, phase.live.tickTimer);
  if (phase.kind === 'stopping') known.push(phase.graceTimer);
  if ('timer' in phase) known.push(phase.timer);
  return known.filter(timer => timer !== null);
}

/** The orders of one type among these. */
export function ordersOf<T extends Effect['type']>(
  effects: readonly Effect[],
  type: T,
): Extract<Effect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
}
