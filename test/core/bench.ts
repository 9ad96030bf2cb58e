import { decide, FRESH_STATE } from '../../src/core/decide.ts';
import type { Effect, EndReading, Event, Fact, Note } from '../../src/core/events.ts';
import type { Exit, Phase, Policy, RunId, State, TimerId } from '../../src/core/model.ts';
import type { Mono, Wall } from '../../src/core/units.ts';

/** The contract's defaults. */
export const DEFAULT_POLICY: Policy = {
  restart: 'always',
  backoffMs: 1000,
  backoffFactor: 2,
  backoffMaxMs: 3_600_000,
  jitter: 0,
  healthyAfterMs: 120_000,
  flapThreshold: 5,
  flapWindowMs: 300_000,
  flapCooldownMs: 600_000,
  maxRestarts: null,
  successCodes: [0],
  holdCodes: [],
  onHold: 'wait',
  stopSignal: 'SIGTERM',
  stopSignalGiven: false,
  stopTimeoutMs: 10_000,
  dumpSignal: null,
  stopTo: 'main',
  maxRuntimeMs: null,
  expectDurationMs: null,
  onCause: { 'rate-limited': { kind: 'wait', everyMs: null }, 'auth-failed': { kind: 'wait', everyMs: 900_000 } },
  maxWaitMs: 691_200_000,
  resumes: false,
  scheduled: false,
  checksRuns: false,
  health: { probes: [], killWhen: null },
};

/** What the fact watcher-started says where a test does not. */
export const CLEAN_START: Extract<Fact, { type: 'watcher-started' }> = {
  type: 'watcher-started',
  hold: null,
  newCommand: false,
  sameBoot: true,
  leftover: null,
};

/**
 * The machine on a virtual clock. Unless `obeys` is false, a spawn is reported up and a clear done at once; timers
 * fire when `pass` reaches their time.
 */
export class Bench {
  readonly policy: Policy;
  state: State;
  obeys = true;
  roll = 0;
  mono = 1_000_000;
  wall = 1_700_000_000_000;
  /** Everything ordered by the last fact and by what the obedient world reported in answer. */
  effects: Effect[] = [];
  readonly notes: Note[] = [];
  readonly timers = new Map<TimerId, number>();
  #runs = 0;

  constructor(policy: Partial<Policy> = {}, state: State = FRESH_STATE) {
    this.policy = { ...DEFAULT_POLICY, ...policy };
    this.state = state;
  }

  /** Starts a watcher over the state, and with `obeys` its child. */
  start(given: Partial<typeof CLEAN_START> = {}): this {
    return this.take({ ...CLEAN_START, ...given });
  }

  take(fact: Fact): this {
    this.effects = [];
    this.#turn(fact);
    return this;
  }

  /** Lets time pass; what falls due fires in its order. */
  pass(ms: number): this {
    const end = this.mono + ms;
    for (let due = this.#next(end); due !== null; due = this.#next(end)) {
      this.#clock(Math.max(this.mono, due.at));
      this.timers.delete(due.timer);
      this.#turn({ type: 'timer-fired', timer: due.timer });
    }
    this.#clock(end);
    return this;
  }

  /** The child lives that long, then ends so. */
  dies(afterMs: number, exit: Partial<Exit> = { code: 1 }, reading: EndReading | null = null): this {
    this.pass(afterMs);
    return this.take({ type: 'child-exited', runId: this.runId, exit: { code: null, signal: null, ...exit }, reading });
  }

  /** Waits out the wait in progress, whatever it is. */
  waitOut(): this {
    return this.pass(this.waitMs);
  }

  get phase(): Phase['kind'] {
    return this.state.phase.kind;
  }

  get runId(): RunId {
    const { phase } = this.state;
    if (phase.kind === 'starting') return phase.runId;
    if ('live' in phase) return phase.live.runId;
    if (phase.kind === 'checking') return phase.ended.runId;
    throw new Error(`no run in ${phase.kind}`);
  }

  /** The length of the wait in progress; 0 if the last end was followed by a start at once. */
  get waitMs(): number {
    const { phase } = this.state;
    if (phase.kind === 'running') return 0;
    if (phase.kind === 'limited') return phase.startAt - this.wall;
    if (phase.kind !== 'backoff' && phase.kind !== 'cooldown') throw new Error(`no wait in ${phase.kind}`);
    return phase.waitMs;
  }

  told(kind: Note['kind']): number {
    return this.notes.filter(note => note.kind === kind).length;
  }

  ordered(type: Effect['type']): number {
    return this.effects.filter(effect => effect.type === type).length;
  }

  #turn(fact: Fact): void {
    this.#runs += 1;
    const event = {
      ...fact,
      at: { mono: this.mono as Mono, wall: this.wall as Wall },
      roll: this.roll,
      freshRunId: `run-${this.#runs}` as RunId,
    } as Event;
    const decision = decide(this.policy, this.state, event);
    this.state = decision.state;
    this.effects.push(...decision.effects);
    for (const effect of decision.effects) this.#obey(effect);
  }

  #obey(effect: Effect): void {
    if (effect.type === 'arm-timer') this.timers.set(effect.timer, this.mono + effect.delayMs);
    if (effect.type === 'disarm-timer') this.timers.delete(effect.timer);
    if (effect.type === 'tell') this.notes.push(effect.note);
    if (!this.obeys) return;
    if (effect.type === 'spawn-child')
      this.#turn({ type: 'child-spawned', runId: effect.runId, pid: 100, startTicks: 1 });
    if (effect.type === 'clear-run') this.#turn({ type: 'run-cleared', runId: effect.clearing.runId, ended: 0 });
  }

  #next(end: number): { timer: TimerId; at: number } | null {
    let first: { timer: TimerId; at: number } | null = null;
    for (const [timer, at] of this.timers) if (at <= end && at < (first?.at ?? Infinity)) first = { timer, at };
    return first;
  }

  #clock(mono: number): void {
    this.wall += mono - this.mono;
    this.mono = mono;
  }
}
