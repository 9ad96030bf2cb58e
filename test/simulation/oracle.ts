import type { Fact } from '../../src/core/events.ts';
import { KILL_WHEN, type ProbeReport } from '../../src/core/health-model.ts';
import type { Policy, State } from '../../src/core/model.ts';
import { type Belief, BLANK, FRESH, runIn } from './belief.ts';
import { Contract } from './contract.ts';

/** One fact with its circumstances. `before`: the machine's state, from which only ids of timers are read. */
export interface Told {
  fact: Fact;
  at: number;
  wall: number;
  roll: number;
  freshRunId: string;
  before: State;
}

/** Follows what the machine is told, and says what it must order. */
export class Oracle extends Contract {
  /** Since when the probe of this run has failed without a break, and how often. */
  bad: { since: number; count: number } | null = null;

  constructor(policy: Policy, belief: Belief = BLANK) {
    super(policy, belief);
  }

  take(told: Told): void {
    const before = this.belief;
    this.belief = { ...before };
    this.expected = new Set();
    this.at = told.at;
    this.wall = told.wall;
    this.roll = told.roll;
    this.#fact(told);
    this.#settle(told.freshRunId);
    if (differ(this.belief, before)) this.expected.add('save');
  }

  /**
   * What nobody had to do, but may: a probe that failed often enough ends its run. How exactly a probe is judged is shown
   * elsewhere; here it must have its reasons, and must not take for ever.
   */
  justifies(what: string): boolean {
    const { mode } = this.belief;
    const retries = this.policy.health.probes.map(probe => ('retries' in probe ? probe.retries : 1))[0];
    if (mode.is !== 'up' || retries === undefined || (this.bad?.count ?? 0) < retries) return false;
    if (what === 'tell:healthy') this.healthyIfDue();
    else if (what === `${this.mainFirst ? 'ask-main' : 'ask'}:${mode.runId}:${this.policy.stopSignal}`)
      this.askToEnd('probe');
    return this.expected.has(what);
  }

  #fact({ fact, before }: Told): void {
    const { belief } = this;
    const { mode } = belief;
    const isRun = (runId: string) => 'runId' in mode && mode.runId === runId;
    switch (fact.type) {
      case 'watcher-started':
        return this.#takeOver(fact);
      case 'child-spawned':
        if (mode.is === 'starting' && isRun(fact.runId)) this.#up(fact.runId);
        return;
      case 'spawn-failed':
        if (mode.is === 'starting' && isRun(fact.runId)) this.startFailed(fact.failure.kind);
        return;
      case 'child-exited':
        if ((mode.is === 'up' || mode.is === 'ending') && isRun(fact.runId))
          this.ended(fact.exit, fact.reading ?? null);
        return;
      case 'run-cleared':
        if (belief.clearing?.runId !== fact.runId) return;
        if (belief.stuck) this.expected.add('tell:ended-at-last');
        Object.assign(belief, { clearing: null, stuck: false });
        return;
      case 'run-checked':
        if (isRun(fact.runId)) this.checked(fact.rejection);
        return;
      case 'run-stuck':
        if (belief.clearing?.runId !== fact.runId && !(mode.is === 'ending' && isRun(fact.runId))) return;
        belief.stuck = true;
        this.expected.add('tell:cannot-end');
        return;
      case 'timer-fired':
        return this.#timer(fact.timer, before);
      case 'run-planned':
        return this.#planned(fact);
      case 'probes-reported':
        if (isRun(fact.runId)) for (const report of fact.reports) this.#probed(report, before);
        return;
      case 'stop-requested':
        return this.#stop(fact.signal, fact.now);
      case 'restart-requested':
        return this.#restart();
      case 'reset-requested':
        return this.#reset();
      case 'signal-requested':
        if (mode.is === 'up' || mode.is === 'ending') this.expected.add(`signal:${mode.runId}:${fact.signal}`);
        return;
      case 'work-done':
        if (mode.is === 'up' && isRun(fact.runId)) this.#end('done');
        return;
      case 'save-finished':
      case 'output-reported':
        return;
      default:
        fact satisfies never;
    }
  }

  #takeOver(fact: Extract<Fact, { type: 'watcher-started' }>): void {
    const { belief } = this;
    const { mode } = belief;
    const mine = runIn(belief);
    const wasUp = (mode.is === 'starting' && !mode.checking) || mode.is === 'up' || mode.is === 'ending';
    const recorded = fact.leftover === 'unknown' ? null : (fact.leftover?.runId ?? null);
    const left = recorded ?? (fact.sameBoot ? mine : null);
    const unheardOf = left !== null && left !== mine;
    belief.leaving = null;
    belief.asked = false;
    belief.stuck = false;
    belief.everUp &&= !fact.newCommand;
    if (unheardOf) belief.run++;
    if (wasUp || unheardOf) belief.last = 'orphan';
    if ((wasUp || unheardOf) && left !== null) this.incident('orphan');
    belief.clearing = null;
    if (left !== null) this.clear(left);
    if (mode.is === 'checking' && !unheardOf) {
      const again = fact.hold === null && this.policy.checksRuns && !fact.newCommand;
      if (again) {
        belief.mode = { ...mode, asked: null };
        return;
      }
      belief.last = 'success';
      belief.lastUp = mode.lived;
    }
    const wasHeld = mode.is === 'held' || (mode.is === 'ending' && mode.cause === 'kill-condition');
    if (fact.hold !== null || wasHeld) {
      this.hold();
      if (fact.hold !== null) this.expected.delete('hold');
    } else if (mode.is === 'limited') this.lookAtLimit(mode);
    else if (mode.is === 'waiting') belief.mode = { ...mode, over: this.at - mode.from >= mode.ms };
    else if (this.policy.scheduled) this.plan();
    else this.wait(false, 0);
  }

  #up(runId: string): void {
    const { belief, policy } = this;
    const since = this.at;
    belief.everUp = true;
    belief.mode = { is: 'up', runId, since, healthy: false };
    this.green = policy.health.probes.length === 0;
    this.bad = null;
    if (belief.leaving === null) return;
    this.askToEnd('stopped');
    if (belief.leaving.now) this.kill();
  }

  #probed({ probe, observation }: ProbeReport, before: State): void {
    const { mode } = this.belief;
    if (observation.kind === 'condition' && probe === KILL_WHEN) {
      const blind = observation.result === 'blind';
      const trips = observation.result === 'tripped' || (blind && this.policy.health.killWhen?.blindTrips === true);
      if (mode.is === 'starting' && mode.checking) {
        if (trips) this.hold();
        else {
          this.belief.mode = { ...mode, checking: false };
          this.#spawn();
        }
      } else if (trips) this.#trip();
    } else if (observation.kind === 'answer' && mode.is === 'up') {
      this.bad = observation.ok ? null : { since: this.bad?.since ?? this.at, count: (this.bad?.count ?? 0) + 1 };
      const isLate = !this.green && before.phase.kind === 'running' && before.phase.live.healthyTimer === null;
      this.green ||= observation.ok;
      // Green only when its time was over already: a long life gets a healthy one at that moment.
      if (isLate) this.healthyIfDue();
    }
  }

  /** Held from this moment, whatever becomes of the run. */
  #trip(): void {
    const { mode } = this.belief;
    if (mode.is !== 'up' && mode.is !== 'ending') return;
    this.expected.add('hold');
    if (mode.is === 'ending') this.belief.mode = { ...mode, cause: 'kill-condition' };
    else this.#end('kill-condition');
  }

  #timer(timer: number, { phase, saveTimer }: State): void {
    const { mode } = this.belief;
    const live = phase.kind === 'running' ? phase.live : null;
    if (timer === saveTimer) this.expected.add('save');
    else if (mode.is === 'waiting' && 'timer' in phase && phase.timer === timer) {
      this.#notBefore(mode.from + mode.ms, 'a wait');
      this.belief.mode = { ...mode, over: true };
    } else if (mode.is === 'limited' && 'timer' in phase && phase.timer === timer) this.lookAtLimit(mode);
    else if (mode.is === 'scheduled' && 'timer' in phase && phase.timer === timer) {
      this.#notBefore(mode.until ?? this.at, 'a wait for the schedule');
      this.plan();
    } else if (mode.is === 'ending' && phase.kind === 'stopping' && phase.graceTimer === timer) {
      this.graceOver((due, what) => this.#notBefore(due, what));
    } else if (mode.is === 'up' && live?.healthyTimer === timer) {
      this.#notBefore(mode.since + this.policy.healthyAfterMs, 'the way to health');
      this.healthyIfDue();
    } else if (mode.is === 'up' && live?.runtimeTimer === timer) {
      this.#notBefore(mode.since + (this.policy.maxRuntimeMs ?? Infinity), 'a run');
      this.#end('limit');
    }
  }

  #notBefore(due: number, what: string): void {
    if (this.at < due) this.fault = `${what} was cut short by ${due - this.at} ms`;
  }

  #planned({ due, waitMs }: Extract<Fact, { type: 'run-planned' }>): void {
    const { mode } = this.belief;
    if (mode.is !== 'scheduled' || mode.until !== null) return;
    if (due === null) this.finish(0);
    else if (waitMs > 0) this.belief.mode = { ...mode, until: this.at + waitMs };
    else this.wait(false, 0);
  }

  #stop(signal: string | null, now: boolean): void {
    const { belief } = this;
    const { mode, leaving } = belief;
    if (leaving !== null) {
      // A second signal lets go of what cannot be ended.
      if (belief.stuck && this.at - leaving.since >= 1000 && (signal !== null || now)) {
        this.expected.add('tell:left-behind').add('exit:125');
        return;
      }
      if (!now && !(signal === 'SIGINT' && this.at - leaving.since >= 1000)) return;
      if (!leaving.now) belief.leaving = { ...leaving, now: true };
      return this.kill();
    }
    const byPerson = signal === null || signal === 'SIGINT';
    belief.leaving = { code: 0, since: this.at, now, byPerson };
    if (byPerson) Object.assign(belief, FRESH);
    const isDown = mode.is === 'waiting' || (mode.is === 'starting' && mode.checking);
    const outlastsUs = mode.is === 'scheduled' || mode.is === 'limited';
    if (mode.is === 'up') this.#end('stopped', signal);
    else if (mode.is === 'checking') this.uncheck('stopped');
    else if (isDown || (outlastsUs && byPerson)) belief.mode = { is: 'stopped' };
    if (now) this.kill();
  }

  #restart(): void {
    const { mode, leaving } = this.belief;
    if (leaving !== null) return;
    if (mode.is === 'up') this.#end('restarted');
    else if (mode.is === 'ending') this.belief.asked ||= mode.cause !== 'restarted';
    else if (mode.is === 'checking') this.uncheck('restarted');
    else if (mode.is === 'scheduled' || mode.is === 'limited' || (mode.is === 'waiting' && !mode.cooldown))
      this.wait(false, 0);
  }

  #reset(): void {
    const { belief } = this;
    Object.assign(belief, FRESH);
    if (belief.mode.is === 'held') {
      this.expected.add('lift');
      if (belief.leaving !== null) belief.mode = { is: 'stopped' };
      else this.wait(false, 0);
    } else if (belief.mode.is === 'waiting' || belief.mode.is === 'limited') this.wait(false, 0);
  }

  /** A run that is up is ended by us; a long life was one all the same. */
  #end(cause: Parameters<Contract['askToEnd']>[0], signal: string | null = null): void {
    this.healthyIfDue();
    this.askToEnd(cause, signal);
  }

  #settle(freshRunId: string): void {
    const { belief } = this;
    const { mode } = belief;
    if (belief.clearing !== null) return;
    const isUp = mode.is === 'starting' || mode.is === 'up' || mode.is === 'ending';
    if (belief.leaving !== null) {
      if (!isUp) this.expected.add(`exit:${belief.leaving.code}`);
    } else if (mode.is === 'checking') {
      if (mode.asked !== null) return;
      belief.mode = { ...mode, asked: this.at };
      this.expected.add(`check-run:${mode.runId}`);
    } else if (mode.is === 'limited' && mode.over && this.policy.scheduled) this.plan();
    else if ((mode.is === 'waiting' || mode.is === 'limited') && mode.over) {
      if (mode.is === 'waiting' && mode.cooldown) Object.assign(belief, { crashes: [], step: 0 });
      const checking = this.policy.health.killWhen !== null;
      belief.mode = { is: 'starting', runId: freshRunId, since: this.at, checking };
      belief.asked = false;
      if (checking) this.expected.add('check');
      else this.#spawn();
    }
  }

  #spawn(): void {
    this.belief.run++;
    this.expected.add('spawn');
  }
}

function differ(a: Belief, b: Belief): boolean {
  return (Object.keys(a) as (keyof Belief)[]).some(key => a[key] !== b[key]);
}
