import type { Exit, ExitCause, Policy, StopCause } from '../../src/core/model.ts';
import { type Belief, contractWait } from './belief.ts';

const SIX_HOURS = 6 * 3_600_000;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGTERM: 15,
};
const START_FAILURES: Readonly<Record<string, number>> = { 'cwd-missing': 125, 'not-executable': 126, other: 1 };

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
      belief.short++;
      belief.crashes = [...belief.crashes, this.at];
      if (policy.restart === 'never' && !policy.scheduled) this.finish(code);
      else this.next({ code: null, signal: null }, 'crash', true);
      this.incident('start-failed');
    }
  }

  protected ended(exit: Exit): void {
    const { belief } = this;
    this.healthyIfDue();
    const { mode } = belief;
    if (mode.is !== 'up' && mode.is !== 'ending') return;
    const lived = this.at - mode.since;
    const cause = mode.is === 'ending' ? mode.cause : this.#isSuccess(exit, lived) ? 'success' : 'crash';
    belief.last = cause;
    belief.short = lived < 1000 ? belief.short + 1 : 0;
    this.clear(mode.runId);
    if (cause === 'stopped' || (cause === 'restarted' && belief.leaving !== null)) {
      belief.mode = { is: 'stopped' };
    } else if (cause === 'restarted') this.wait(false, 0);
    else this.#endedBadly(exit, cause, mode.healthy);
  }

  #endedBadly(exit: Exit, cause: ExitCause, healthy: boolean): void {
    const { belief } = this;
    const counts = !(cause === 'success' && healthy);
    let loops = false;
    if (cause !== 'kill-condition') {
      if (counts) belief.crashes = [...belief.crashes, this.at];
      if (healthy) loops = this.#slowDeath();
    }
    if (cause === 'kill-condition') this.hold();
    else if (belief.leaving !== null) belief.mode = { is: 'stopped' };
    else this.next(exit, cause, counts);
    loops ||= belief.mode.is === 'waiting' && belief.mode.cooldown;
    if (cause === 'success') {
      if (loops) this.incident('exit');
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

  #isSuccess({ code }: Exit, lived: number): boolean {
    const { expectDurationMs, successCodes } = this.policy;
    if (expectDurationMs !== null && lived * 5 >= expectDurationMs * 4) return true;
    return code !== null && successCodes.includes(code);
  }

  protected next(exit: Exit, cause: ExitCause, counts: boolean): void {
    const { belief, policy } = this;
    const itsOwn = cause === 'crash' || cause === 'success';
    if (itsOwn && exit.code !== null && policy.holdCodes.includes(exit.code)) return this.hold();
    if (policy.scheduled) return this.plan();
    if (policy.restart === 'never' || (policy.restart === 'on-failure' && cause === 'success'))
      return this.finish(exit.code ?? 128 + (SIGNAL_NUMBERS[exit.signal ?? ''] ?? 0));
    if (policy.maxRestarts !== null && belief.row >= policy.maxRestarts) return this.hold();
    if (cause === 'success' && !belief.toldSuccess) {
      belief.toldSuccess = true;
      this.expected.add('tell:success-restarts');
    }
    belief.row++;
    const inWindow = belief.crashes.filter(at => this.at - at < policy.flapWindowMs || at === this.at).length;
    if (counts && inWindow >= policy.flapThreshold) return this.wait(true, policy.flapCooldownMs);
    const waitMs = contractWait(policy, belief, this.roll);
    if (counts) belief.step++;
    this.wait(false, waitMs);
  }

  /** Long enough up and green: a fresh start for the backoff, whether or not its timer was in time. */
  protected healthyIfDue(): void {
    const { belief } = this;
    const { mode } = belief;
    if (mode.is !== 'up' || mode.healthy || !this.green || this.at - mode.since < this.policy.healthyAfterMs) return;
    Object.assign(belief, { step: 0, row: 0, short: 0, mode: { ...mode, healthy: true } });
    this.expected.add('tell:healthy');
    if (!belief.incident) return;
    belief.incident = false;
    this.expected.add('close-incident');
  }

  /** The whole tree is asked to end. Which signal one gets that was not up yet when a stop came is left to the tables. */
  protected askToEnd(cause: StopCause, signal: string | null = null): void {
    const { mode } = this.belief;
    if (mode.is !== 'up') return;
    this.belief.mode = { ...mode, is: 'ending', asked: this.at, cause, killed: false };
    const { stopSignal, stopSignalGiven } = this.policy;
    if (cause === 'stopped' && signal === null) this.expected.add(`ask:${mode.runId}`);
    else this.expected.add(`ask:${mode.runId}:${signal === 'SIGINT' && !stopSignalGiven ? signal : stopSignal}`);
  }

  protected kill(): void {
    const { mode, clearing } = this.belief;
    if (clearing !== null) this.expected.add(`kill:${clearing.runId}`);
    if (mode.is !== 'ending') return;
    this.belief.mode = { ...mode, killed: true };
    this.expected.add(`kill:${mode.runId}`);
  }

  protected clear(runId: string): void {
    this.belief.clearing = { runId, since: this.at };
    this.expected.add(`clear:${runId}`);
  }

  protected wait(cooldown: boolean, ms: number): void {
    this.belief.mode = { is: 'waiting', cooldown, from: this.at, ms, over: ms <= 0 };
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
    this.belief.leaving ??= { code, since: this.at, now: false };
  }

  protected incident(kind: string): void {
    this.belief.incident = true;
    this.expected.add(`incident:${kind}`);
  }
}
