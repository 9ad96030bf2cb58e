import type { Fact } from '../../src/core/events.ts';
import type { RunId, State, TimerId } from '../../src/core/model.ts';
import type { SourcePort } from '../../src/core/ports.ts';
import { createSupervisor, type Supervisor } from '../../src/supervisor/supervisor.ts';
import { timersOf } from '../core/walks.ts';
import type { Entry } from './agenda.ts';
import type { Belief } from './belief.ts';
import { deadline, difference, PATIENCE_MS } from './compare.ts';
import { Oracle } from './oracle.ts';
import type { Simulation } from './simulation.ts';
import { SimWorld } from './world.ts';

/** One life of a watcher: the real supervisor and machine, the oracle that follows them, and the moments they may be killed at. */
export class SimWatcher {
  dead = false;
  readonly oracle: Oracle;
  readonly armed = new Map<TimerId, Entry>();
  /** Dies at the call to the world after so many; null: lives. */
  dieAfterCalls: number | null = null;
  /** It gets no processor until then. */
  stalledUntil = 0;
  readonly #sim: Simulation;
  readonly #supervisor: Supervisor;
  readonly #world: SimWorld;
  readonly #facts: Fact[] = [];
  #done = new Set<string>();
  #turning = false;
  #started = false;
  #roll = 0;
  #freshRunId = '' as RunId;
  /** When the last news of each kind that must keep its order will be told. */
  readonly #newsAt = { child: 0, save: 0 };

  constructor(sim: Simulation, restored: State, belief: Belief) {
    this.#sim = sim;
    this.oracle = new Oracle(sim.policy, belief);
    this.#world = new SimWorld(sim, this);
    this.#supervisor = createSupervisor(sim.policy, restored, sim.machine);
    this.#supervisor.connect(this.#world.ports(this.#source()));
  }

  get saveFailing(): boolean {
    return this.#world.saveFailing;
  }

  /** News for the watcher, after a delay: later than that while it is stalled, and now and then once more. */
  report(fact: Fact, delayMs = 0): void {
    const { random, agenda } = this.#sim;
    const order = orderOf(fact);
    let at = Math.max(agenda.now + delayMs, order === null ? 0 : this.stalledUntil);
    if (random.chance(0.02)) {
      at += random.between(1, 20_000);
      this.#sim.count('late fact');
    }
    if (order !== null) at = this.#newsAt[order] = Math.max(at, this.#newsAt[order]);
    agenda.plan(at - agenda.now, () => this.take(fact));
    if (order !== 'child' || !random.chance(0.03)) return;
    this.#sim.count('doubled fact');
    agenda.plan(at - agenda.now + random.between(0, 600_000), () => this.take(fact));
  }

  take(fact: Fact): void {
    const { agenda, random } = this.#sim;
    if (this.dead) return;
    // What keeps its order has been planned for after the stall; the rest comes in any.
    if (this.stalledUntil > agenda.now && orderOf(fact) === null && fact.type !== 'watcher-started') {
      agenda.plan(this.stalledUntil - agenda.now + random.between(0, 50), () => this.take(fact));
      return;
    }
    this.queue(fact);
    this.over();
    if (this.#started) this.#sim.check();
  }

  /** From wherever it comes, also from inside a call to the world. */
  queue(fact: Fact): void {
    this.#sim.trace('fact', fact);
    if (fact.type === 'watcher-started') {
      this.#started = true;
      this.#facts.unshift(fact);
    } else this.#facts.push(fact);
    this.#supervisor.take(fact);
  }

  kill(): void {
    this.dead = true;
    for (const entry of this.armed.values()) entry.run = null;
    this.#sim.processes.forsake();
    this.#sim.lost(this);
  }

  call(what: string, act: () => void): void {
    if (this.dead) return;
    const sim = this.#sim;
    sim.trace('call', what);
    const dies = this.dieAfterCalls !== null && this.dieAfterCalls-- <= 0;
    if (!dies) return act();
    sim.count('watcher killed between two orders');
    if (sim.random.chance(0.5)) act();
    this.kill();
  }

  /** What the machine did must be what was expected, and is checked off. */
  did(what: string): void {
    const { expected } = this.oracle;
    const shorter = /^ask(-main)?:/.test(what) ? what.slice(0, what.lastIndexOf(':')) : what;
    const wanted = expected.has(what) || this.oracle.justifies(what) ? what : shorter;
    if (!expected.has(wanted) && what !== 'save') this.#sim.fail(`nobody asked for ${what}`);
    if (what !== 'save' && this.#done.has(wanted)) this.#sim.fail(`it did it twice: ${what}`);
    this.#done.add(wanted);
  }

  /** The turn is over: what was expected must have been done. */
  over(): void {
    if (!this.#turning || this.dead) return;
    this.#turning = false;
    const { fault, expected } = this.oracle;
    if (fault !== null) this.#sim.fail(fault);
    for (const what of expected) if (!this.#done.has(what)) this.#sim.fail(`it should have done: ${what}`);
  }

  /** What must hold between two turns; null if it does. */
  wrong(): string | null {
    const { state } = this.#supervisor;
    const { policy, mono } = this.#sim;
    const known = timersOf(state);
    if (new Set(known).size !== known.length) return 'one timer for two uses';
    for (const timer of this.armed.keys()) if (!known.includes(timer)) return `timer ${timer} is armed for nothing`;
    return difference(state, this.oracle.belief, policy, mono) ?? this.#overdue();
  }

  #overdue(): string | null {
    const { mono, policy } = this.#sim;
    const due = deadline(this.oracle, policy);
    if (due !== null && mono > due.at) return `${due.what} is overdue`;
    const { saveFailing, lastSaveAt, lastConditionAskedAt } = this.#world;
    if (saveFailing && mono > lastSaveAt + PATIENCE_MS) return 'a failed save was not tried again';
    const { killWhen } = policy.health;
    const { mode } = this.oracle.belief;
    if (killWhen === null || mode.is !== 'up') return null;
    const asked = Math.max(mode.since, lastConditionAskedAt);
    return mono > asked + 2 * killWhen.intervalMs + PATIENCE_MS ? 'the kill condition was not read' : null;
  }

  #source(): SourcePort {
    return {
      now: () => {
        this.#beginTurn();
        return { mono: this.#sim.mono as never, wall: this.#sim.wall as never };
      },
      roll: () => this.#roll,
      freshRunId: () => this.#freshRunId,
    };
  }

  /** The loop asks for the time once a turn: here the oracle hears of the fact that it is about. */
  #beginTurn(): void {
    this.over();
    const sim = this.#sim;
    const fact = this.#facts.shift();
    if (fact === undefined) return sim.fail('a turn without a fact');
    this.#roll = sim.random.next();
    this.#freshRunId = sim.freshRunId();
    this.#done = new Set();
    this.#turning = true;
    const { state: before } = this.#supervisor;
    this.oracle.take({ fact, at: sim.mono, wall: sim.wall, roll: this.#roll, freshRunId: this.#freshRunId, before });
  }
}

/** News of one child keeps its order, and so does news of saves; everything else may overtake each other. */
function orderOf({ type }: Fact): 'child' | 'save' | null {
  if (type === 'save-finished') return 'save';
  const ofChild = type === 'child-spawned' || type === 'child-exited' || type === 'spawn-failed';
  return ofChild || type === 'run-cleared' || type === 'run-stuck' ? 'child' : null;
}
