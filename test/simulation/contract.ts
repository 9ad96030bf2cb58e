import type { EndReading, Rejection } from '../../src/core/events.ts';
import type { Exit, ExitCause, Policy, StopCause } from '../../src/core/model.ts';
import { type Belief, contractWait, FRESH } from './belief.ts';

const HOUR = 3_600_000;
const SIX_HOURS = 6 * HOUR;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGTERM: 15,
};
const START_FAILURES: Readonly<Record<string, number>> = { 'cwd-missing': 125, 'not-executable': 126, other: 1 };

/** A limited wait, or a pause that the ordinary wait is made to cover. */
type Limit = { ms: number; until: number | null } | { pauseMs: number };
/** How a run ended: `told`, its output told of a failure. */
interface End {
  cause: ExitCause;
  limit: Limit | null;
  told: boolean;
  /** It was stopped because its work was done. */
  done?: boolean;
  /** Its output was not accepted. */
  rejected?: boolean;
}

/**
 * The contract's rules, each as plain as its sentence: what follows from an end, a wait, a hold, a healthy life. They are
 * written from the contract, not from the machine, and only the oracle uses them.
 */
export class Contract {
  belief: Belief;
  /** What this turn must do, in words that the world checks off: `spawn`, `kill:RUN`, `clear:RUN`, `exit:CODE` … */
  expected = new Set<string>();
  /** What cannot be: a timer before its time. */
  fault: string | null = null;
  /** Every critical probe of this run has been well once. */
  green = true;
  protected readonly policy: Policy;
  protected at = 0;
  protected wall = 0;
  protected roll = 0;

  constructor(policy: Policy, belief: Belief) {
    this.policy = policy;
    this.belief = belief;
  }

  protected startFailed(kind: string): void {
    const { belief, policy } = this;
    const code = START_FAILURES[kind] ?? 127;
    if (belief.leaving !== null) belief.mode = { is: 'stopped' };
    else if (!belief.everUp && kind !== 'other') this.finish(code);
    else {
      belief.last = 'crash';
      belief.lastUp = 0;
      belief.short++;
      belief.crashes = [...belief.crashes, this.at];
      if (policy.restart === 'never' && !policy.scheduled) this.finish(code);
      else this.next({ code: null, signal: null }, { cause: 'crash', limit: null, told: false }, true);
      this.incident('start-failed');
    }
  }

  protected ended(exit: Exit, reading: EndReading | null): void {
    const { belief } = this;
    this.healthyIfDue();
    const { mode } = belief;
    if (mode.is !== 'up' && mode.is !== 'ending') return;
    const lived = this.at - mode.since;
    const byItself = mode.is === 'up' ? reading : null;
    if (mode.is === 'up') belief.refusals = reading?.cause === 'auth-failed' ? belief.refusals + 1 : 0;
    const limit = this.#limitAfter(byItself);
    const itsOwn = limit !== null && 'ms' in limit ? 'limited' : this.#ownCause(exit, lived, byItself);
    const asked = mode.is === 'ending' ? mode.cause : itsOwn;
    const cause = asked === 'done' ? 'success' : asked;
    const { runId, healthy } = mode;
    if (cause === 'success' && this.policy.checksRuns && belief.leaving === null) {
      this.clear(runId);
      const done = asked === 'done';
      belief.mode = { is: 'checking', runId, since: this.at, lived, healthy, exit, done, asked: null };
      return;
    }
    const relapses =
      byItself?.same === true &&
      cause === 'crash' &&
      mode.healthy &&
      lived < 10 * this.policy.healthyAfterMs &&
      belief.incidentKnown;
    if (relapses) belief.step = belief.stepBefore;
    this.#lived(cause, lived);
    this.clear(mode.runId);
    if (cause === 'stopped' || (cause === 'restarted' && belief.leaving !== null)) this.stopped();
    else if (cause === 'restarted') this.wait(false, 0);
    else if (relapses) this.#relapse(exit, { cause, limit, told: byItself?.cause != null });
    else
      this.#endedBadly(
        exit,
        { cause, limit, told: byItself !== null && byItself.cause !== null, done: asked === 'done' },
        mode.healthy,
      );
  }

  #lived(cause: ExitCause, lived: number): void {
    this.belief.last = cause;
    this.belief.lastUp = lived;
    this.belief.short = lived < 1000 ? this.belief.short + 1 : 0;
  }

  /** The verdict on the output of a run that had ended with success: only now it counts. */
  protected checked(rejection: Rejection | null): void {
    const { belief, policy } = this;
    const { mode } = belief;
    if (mode.is !== 'checking' || mode.asked === null) return;
    const { exit, healthy, lived, done, runId } = mode;
    const cause = rejection === null ? 'success' : 'crash';
    const end: End = { cause, limit: null, told: false, done, rejected: rejection !== null };
    const soon = lived < 10 * policy.healthyAfterMs;
    const relapses = rejection?.same === true && healthy && soon && belief.incidentKnown;
    if (relapses) belief.step = belief.stepBefore;
    this.#lived(cause, lived);
    this.clear(runId);
    if (relapses) this.#relapse(exit, end);
    else this.#endedBadly(exit, end, healthy);
  }

  /** A person's word ends the check. */
  protected uncheck(cause: 'stopped' | 'restarted'): void {
    const { mode } = this.belief;
    if (mode.is !== 'checking') return;
    if (mode.asked !== null) {
      this.expected.add(`end-check:${mode.runId}`);
      this.clear(mode.runId);
    }
    this.#lived(cause, mode.lived);
    if (cause === 'stopped') this.stopped();
    else this.wait(false, 0);
  }

  /** The last incident goes on, as if the run had never been healthy. */
  #relapse(exit: Exit, end: End): void {
    const { belief } = this;
    belief.crashes = [...belief.crashes, this.at];
    if (belief.leaving !== null) this.stopped();
    else this.next(exit, end, true);
    belief.incident = true;
    this.expected.add('reopen-incident');
  }

  #endedBadly(exit: Exit, end: End, healthy: boolean): void {
    const { belief } = this;
    const { cause } = end;
    const counts = !(cause === 'success' && healthy);
    let loops = false;
    if (cause !== 'kill-condition' && cause !== 'limited') {
      if (counts) belief.crashes = [...belief.crashes, this.at];
      if (healthy) loops = this.#slowDeath();
    }
    if (cause === 'kill-condition') this.hold();
    else if (belief.leaving !== null) this.stopped();
    else this.next(exit, end, counts);
    loops ||= belief.mode.is === 'waiting' && belief.mode.cooldown;
    if (cause === 'success') {
      if (loops) this.incident('exit');
    } else if (cause === 'limited') {
      if (!(belief.incident && belief.incidentIsLimit)) this.incident('limited');
    } else this.incident(cause === 'crash' ? 'crash' : cause === 'probe' ? 'unhealthy' : 'limit');
  }

  /** Five in six hours are told, and the count begins anew. */
  #slowDeath(): boolean {
    const { belief } = this;
    belief.slow = [...belief.slow.filter(at => this.at - at < SIX_HOURS), this.at];
    if (belief.slow.length < 5) return false;
    belief.slow = [];
    this.expected.add('tell:slow-loop');
    return true;
  }

  #ownCause(exit: Exit, lived: number, reading: EndReading | null): ExitCause {
    if (reading !== null && reading.cause !== null) return 'crash';
    return this.#isSuccess(exit, lived) ? 'success' : 'crash';
  }

  /** What the words of an end make of the wait after it: a limited one, a pause that an ordinary one covers, or nothing. */
  #limitAfter(reading: EndReading | null): Limit | null {
    const { belief, policy, wall } = this;
    if (reading === null || reading.cause === null) return null;
    if (reading.cause === 'auth-failed') return belief.refusals >= 2 ? { ms: 900_000, until: null } : null;
    if (reading.limit === null) return null;
    const { until, own, kind } = reading.limit;
    if (until === null && kind === 'throttle') return { pauseMs: 0 };
    const ahead = until === null ? Infinity : until - wall;
    if (ahead < 600_000) return { pauseMs: Math.max(0, ahead) };
    const near = ahead <= Math.min(policy.maxWaitMs, own ? Infinity : HOUR);
    if (near && belief.limits < 3) return { ms: ahead + 60_000 + Math.floor(this.roll * 60_000), until };
    if (near) return { ms: belief.limits === 3 ? HOUR / 2 : HOUR, until: null };
    return { ms: [HOUR / 4, HOUR / 2][belief.limits] ?? HOUR, until: null };
  }

  /** Held against both clocks: over by the wall's, or, where nobody knows the end, by the time that has passed. */
  protected lookAtLimit(mode: Extract<Belief['mode'], { is: 'limited' }>): void {
    const over = this.wall >= mode.startAt || (mode.until === null && this.at - mode.from >= mode.ms);
    this.belief.mode = { ...mode, over, lookedAt: this.at };
  }

  #isSuccess({ code }: Exit, lived: number): boolean {
    const { expectDurationMs, successCodes } = this.policy;
    if (expectDurationMs !== null && lived * 5 >= expectDurationMs * 4) return true;
    return code !== null && successCodes.includes(code);
  }

  protected next(exit: Exit, { cause, limit, told, done = false, rejected = false }: End, counts: boolean): void {
    const { belief, policy } = this;
    const itsOwn = !done && (cause === 'crash' || cause === 'success' || cause === 'limited');
    if (itsOwn && exit.code !== null && policy.holdCodes.includes(exit.code)) return this.hold();
    if (belief.asked) return this.wait(false, 0);
    const ends = policy.restart === 'never' || (policy.restart === 'on-failure' && cause === 'success');
    if (ends && !policy.scheduled) {
      const code = exit.code ?? 128 + (SIGNAL_NUMBERS[exit.signal ?? ''] ?? 0);
      const failed = told || rejected;
      return this.finish(done ? (rejected ? 1 : 0) : code === 0 && failed ? 1 : code);
    }
    if (limit !== null && 'ms' in limit) {
      belief.limits++;
      const { ms, until } = limit;
      belief.mode = {
        is: 'limited',
        until,
        startAt: this.wall + ms,
        from: this.at,
        ms,
        lookedAt: this.at,
        over: false,
      };
      return;
    }
    if (policy.scheduled) return this.plan();
    if (policy.maxRestarts !== null && belief.row >= policy.maxRestarts) return this.hold();
    if (cause === 'success' && !belief.toldSuccess) {
      belief.toldSuccess = true;
      this.expected.add('tell:success-restarts');
    }
    belief.row++;
    const inWindow = belief.crashes.filter(at => this.at - at < policy.flapWindowMs || at === this.at).length;
    const pauseMs = limit !== null && 'pauseMs' in limit ? limit.pauseMs : 0;
    if (counts && inWindow >= policy.flapThreshold) return this.wait(true, Math.max(pauseMs, policy.flapCooldownMs));
    const waitMs = Math.max(pauseMs, contractWait(policy, belief, this.roll));
    if (counts) belief.step++;
    this.wait(false, waitMs);
  }

  /** Long enough up and green: a fresh start for the backoff, whether or not its timer was in time. */
  protected healthyIfDue(): void {
    const { belief } = this;
    const { mode } = belief;
    if (mode.is === 'up' && mode.healthy) return this.recoverIfDue();
    if (mode.is !== 'up' || !this.green || this.at - mode.since < this.policy.healthyAfterMs) return;
    belief.stepBefore = belief.step;
    Object.assign(belief, { step: 0, row: 0, short: 0, mode: { ...mode, healthy: true } });
    // After a limit only a recovery begins its count anew.
    if (belief.last !== 'limited') Object.assign(belief, { limits: 0, refusals: 0 });
    this.expected.add('tell:healthy');
    this.recoverIfDue();
  }

  /** Time alone proves little after a crash that took as long to come. */
  protected recoverIfDue(): void {
    const { belief, policy } = this;
    const { mode } = belief;
    if (mode.is !== 'up' || !mode.healthy || !belief.incident) return;
    const { healthyAfterMs: enough, health } = policy;
    const doubtful = belief.last === 'limited' || (belief.last === 'crash' && health.probes.length === 0);
    if (doubtful && belief.lastUp >= enough && this.at - mode.since < Math.min(10 * enough, 1.5 * belief.lastUp))
      return;
    Object.assign(belief, { incident: false, limits: 0, refusals: 0 });
    this.expected.add('close-incident');
  }

  /**
   * It is asked to end: the main process alone, or where that was wanted (or no time is given) all. Which signal one gets that was
   * not up yet when a stop came is left to the tables.
   */
  protected askToEnd(cause: StopCause, signal: string | null = null): void {
    const { mode } = this.belief;
    if (mode.is !== 'up') return;
    const rest = this.mainFirst ? null : this.at;
    this.belief.mode = { ...mode, is: 'ending', asked: this.at, cause, rest, killed: false };
    const { stopSignal, stopSignalGiven } = this.policy;
    const ask = `${this.mainFirst ? 'ask-main' : 'ask'}:${mode.runId}`;
    if (cause === 'stopped' && signal === null) this.expected.add(ask);
    else this.expected.add(`${ask}:${signal === 'SIGINT' && !stopSignalGiven ? signal : stopSignal}`);
  }

  protected get mainFirst(): boolean {
    return this.policy.stopTo === 'main' && this.policy.stopTimeoutMs > 0;
  }

  /** A timer of its grace: the rest is asked, then the main process killed, then (two seconds after the rest was asked) all. */
  protected graceOver(notBefore: (due: number, what: string) => void): void {
    const { mode } = this.belief;
    const { stopTimeoutMs } = this.policy;
    if (mode.is !== 'ending') return;
    if (mode.rest === null) {
      notBefore(mode.asked + stopTimeoutMs / 2, 'the time of the main process');
      this.belief.mode = { ...mode, rest: this.at };
      this.expected.add(`ask:${mode.runId}`);
      return;
    }
    // After a first SIGKILL come more, which wait for nothing.
    if (!mode.killed) notBefore(mode.asked + stopTimeoutMs, 'the grace');
    if (this.mainFirst && !mode.killed && this.at < mode.rest + 2000) this.expected.add(`kill-main:${mode.runId}`);
    else this.kill();
  }

  protected kill(): void {
    const { mode, clearing } = this.belief;
    if (clearing !== null) this.expected.add(`kill:${clearing.runId}`);
    if (mode.is !== 'ending') return;
    this.belief.mode = { ...mode, rest: mode.rest ?? this.at, killed: true };
    this.expected.add(`kill:${mode.runId}`);
  }

  protected clear(runId: string): void {
    this.belief.clearing = { runId, since: this.at };
    this.expected.add(`clear:${runId}`);
  }

  protected wait(cooldown: boolean, ms: number): void {
    this.belief.mode = { is: 'waiting', cooldown, from: this.at, ms, over: ms <= 0 };
  }

  /** Ended on request: a person's ends the story. */
  protected stopped(): void {
    this.belief.mode = { is: 'stopped' };
    if (this.belief.leaving?.byPerson === true) Object.assign(this.belief, FRESH);
  }

  protected plan(): void {
    this.belief.mode = { is: 'scheduled', since: this.at, until: null };
    this.expected.add('plan');
  }

  protected hold(): void {
    this.belief.mode = { is: 'held' };
    this.expected.add('hold');
    if (this.policy.onHold === 'exit') this.leave(69);
  }

  protected finish(code: number): void {
    this.belief.mode = { is: 'finished' };
    this.leave(code);
  }

  protected leave(code: number): void {
    this.belief.leaving ??= { code, since: this.at, now: false, byPerson: false };
  }

  protected incident(kind: string): void {
    this.belief.incident = true;
    this.belief.incidentKnown = true;
    this.belief.incidentIsLimit = kind === 'limited';
    this.expected.add(`incident:${kind}`);
  }
}
