import type { EndReading, Fact, Note } from '../../src/core/events.ts';
import { KILL_WHEN, type Observation } from '../../src/core/health-model.ts';
import type { ClearOrder, Exit, Hold, RunId, Signal, State, StopTo, TimerId } from '../../src/core/model.ts';
import type { World } from '../../src/core/ports.ts';
import type { Wall } from '../../src/core/units.ts';
import { runOf } from './disk.ts';
import type { LastLines } from './processes.ts';
import type { Simulation } from './simulation.ts';
import type { SimWatcher } from './watcher.ts';

/** The notes that the oracle expects. */
const TOLD: ReadonlySet<string> = new Set([
  ...['slow-loop', 'success-restarts', 'healthy'],
  ...['cannot-end', 'ended-at-last', 'left-behind'],
]);

/** The world of one watcher: its child, timers, disk, probes, schedule, listeners; each with its own ways to fail. */
export class SimWorld {
  readonly #sim: Simulation;
  readonly #watcher: SimWatcher;
  /** Whether a save's outcome is told from inside the call, or later. */
  readonly #savesAtOnce: boolean;
  #savedState: State | null = null;
  #saidOfSaves: Note['kind'] | null = null;
  #illFrom = Infinity;
  saveFailing = false;
  lastSaveAt = 0;
  lastConditionAskedAt = 0;

  constructor(sim: Simulation, watcher: SimWatcher) {
    this.#sim = sim;
    this.#watcher = watcher;
    this.#savesAtOnce = sim.random.chance(0.5);
  }

  /** Each call is a moment at which a kill -9 may strike: the watcher lets it through, or is dead. */
  ports(source: World['source']): World {
    const via = (what: string, act: () => void) => this.#watcher.call(what, act);
    return {
      source,
      child: {
        spawn: (_run, runId) => via('spawn', () => this.#spawn(runId)),
        signalTree: (runId, signal, to) => via('signal-tree', () => this.#signalTree(runId, signal, to)),
        signalChild: (runId, signal) => via('signal-child', () => this.#signalChild(runId, signal)),
        clear: order => via('clear', () => this.#clear(order)),
      },
      checks: {
        check: (_run, { runId }) => via('check-run', () => this.#check(runId)),
        end: runId => via('end-check', () => this.#did(`end-check:${runId}`)),
      },
      schedule: { plan: due => via('plan', () => this.#plan(due)) },
      probes: { ask: (runId, names) => via('ask', () => this.#askAll(runId, names)) },
      incidents: {
        examine() {},
        open: ({ kind }) => via('incident', () => this.#did(`incident:${kind}`)),
        close: () => via('incident', () => this.#did('close-incident')),
        reopen: () => via('incident', () => this.#did('reopen-incident')),
      },
      timers: {
        arm: (timer, delayMs) => via('arm', () => this.#arm(timer, delayMs)),
        disarm: timer => via('disarm', () => this.#disarm(timer)),
      },
      store: {
        save: state => via('save', () => this.#save(state)),
        writeHold: hold => via('write-hold', () => this.#writeHold(hold)),
        liftHold: () => via('lift-hold', () => this.#liftHold()),
      },
      public: {
        tell: note => via('tell', () => this.#tell(note)),
        reportBug: what => {
          if (!what.startsWith('tell threw')) this.#sim.fail(`report-bug: ${what}`);
        },
        exit: code => via('exit', () => this.#exit(code)),
      },
    };
  }

  #did(what: string): void {
    this.#watcher.did(what);
  }

  #report(fact: Fact, delayMs = 0): void {
    this.#watcher.report(fact, delayMs);
  }

  #spawn(runId: RunId): void {
    const { processes, disk, moods, random, agenda } = this.#sim;
    this.#did('spawn');
    if (processes.runs.size > 0) this.#sim.fail('a spawn while something of a former run is alive');
    if (disk.hold !== null) this.#sim.fail('a spawn in a hold');
    const saved = this.#savedState?.phase;
    if (saved?.kind !== 'starting' || saved.runId !== runId) this.#sim.fail('a spawn that was not saved before');
    const { mood, outcome } = moods.next();
    this.#sim.count(`mood: ${mood}`);
    if ('failure' in outcome) {
      return this.#report({ type: 'spawn-failed', runId, failure: outcome.failure }, random.between(0, 5));
    }
    this.#illFrom = random.chance(0.4) ? agenda.now + random.gap(20 * 3_600_000) : Infinity;
    const run = processes.start(runId, outcome.nature);
    const delayMs = random.chance(0.1) ? random.between(1, 500) : 0;
    this.#report({ type: 'child-spawned', runId, pid: random.between(2, 4_000_000), startTicks: null }, delayMs);
    const exited = (exit: Exit) =>
      this.#report({ type: 'child-exited', runId, exit, reading: this.#read(outcome.nature.last) });
    if (run.mainAlive) run.onExit = exited;
    else exited(outcome.nature.exit);
  }

  #read(last: LastLines | null): EndReading | null {
    const none: EndReading = { cause: null, limit: null, line: null, success: null, why: null };
    if (last === null) return this.#sim.random.chance(0.3) ? { ...none, same: true } : null;
    if (last.says === 'refused') return { ...none, cause: 'auth-failed' };
    const { kind, own, endsInMs } = last;
    const until = endsInMs === null ? null : ((this.#sim.wall + endsInMs) as Wall);
    return { ...none, cause: 'rate-limited', limit: { kind, own, until } };
  }

  #signalTree(runId: RunId, signal: Signal, to: StopTo): void {
    const whom = to === 'main' ? '-main' : '';
    this.#did(signal === 'SIGKILL' ? `kill${whom}:${runId}` : `ask${whom}:${runId}:${signal}`);
    this.#sim.processes.signal(runId, signal, to);
    if (signal === 'SIGKILL') this.#killed(runId);
  }

  /** What is alive two seconds after its SIGKILL is reported, once. */
  #killed(runId: RunId): void {
    const { processes, agenda } = this.#sim;
    const run = processes.runs.get(runId);
    if (run === undefined || run.killedAt !== null) return;
    run.killedAt = agenda.now;
    agenda.plan(2000, () => {
      if (this.#watcher.dead || run.alive.size === 0) return;
      this.#sim.count('processes that cannot be ended');
      this.#report({ type: 'run-stuck', runId, survivors: [{ pid: 1, why: 'it waits for a disk' }] });
    });
  }

  /** The default of most signals is to end a process that has no handler. */
  #signalChild(runId: RunId, signal: Signal): void {
    const { random, processes } = this.#sim;
    this.#did(`signal:${runId}:${signal}`);
    if (random.chance(0.2) && processes.strike(runId, signal)) this.#sim.count('child ended by a signal passed on');
  }

  /** The last words, the asking, the grace, the killing: as the child's room does it. */
  #clear({ clearing: { runId }, signal, to, graceMs, drain }: ClearOrder): void {
    const { processes, agenda, random } = this.#sim;
    this.#did(`clear:${runId}`);
    const run = processes.runs.get(runId);
    if (run === undefined) return this.#report({ type: 'run-cleared', runId, ended: 0 });
    this.#sim.count('leftovers of a run');
    const ended = run.alive.size;
    run.onDeath = () => {
      if (run.alive.size === 0) this.#report({ type: 'run-cleared', runId, ended }, 1);
    };
    const send = (name: Signal, whom: StopTo) => {
      if (this.#watcher.dead) return;
      processes.signal(runId, name, whom);
      if (name === 'SIGKILL') this.#killed(runId);
    };
    // A main process that still lives is a dead watcher's.
    const mainFirst = to === 'main' && signal !== null && run.mainAlive;
    agenda.plan(drain ? random.between(200, 1000) : 0, () => {
      if (signal !== null) send(signal, mainFirst ? 'main' : 'tree');
      if (mainFirst) agenda.plan(graceMs / 2, () => send(signal, 'tree'));
      agenda.plan(mainFirst ? Math.max(graceMs, graceMs / 2 + 2000) : graceMs, () => send('SIGKILL', 'tree'));
    });
  }

  /** A check takes up to a minute; one that was ended may have answered already. */
  #check(runId: RunId): void {
    const { random, processes } = this.#sim;
    this.#did(`check-run:${runId}`);
    if (processes.runs.size > 0) this.#sim.fail('a check while something of its run is alive');
    const rejection = random.chance(0.6)
      ? null
      : { by: 'accept' as const, reason: 'x', ...(random.chance(0.3) ? { same: true as const } : {}) };
    this.#sim.count(rejection === null ? 'accepted run' : 'run not accepted');
    this.#report({ type: 'run-checked', runId, rejection }, random.between(0, 60_000));
    if (!random.chance(0.05)) return;
    this.#sim.count('a person in the middle of a check');
    const wish: Fact = random.chance(0.5)
      ? { type: 'restart-requested', by: 'command' }
      : { type: 'stop-requested', by: 'command', signal: null, now: random.chance(0.3) };
    this.#report(wish, random.between(0, 60_000));
  }

  /** Every eight hours by the wall clock, asked again each hour in case that was set. */
  #plan(due: Wall | null): void {
    const { wall, random } = this.#sim;
    const everyMs = 8 * 3_600_000;
    this.#did('plan');
    const isDue = due !== null && due <= wall;
    const next = isDue ? due : (((Math.floor(wall / everyMs) + 1) * everyMs) as Wall);
    const waitMs = isDue ? 0 : Math.min(next - wall, 3_600_000);
    this.#report({ type: 'run-planned', due: next, waitMs }, random.between(0, 3));
  }

  #askAll(runId: RunId, names: readonly string[]): void {
    for (const name of names) this.#ask(runId, name);
  }

  #ask(runId: RunId, name: string): void {
    if (name === KILL_WHEN) {
      this.lastConditionAskedAt = this.#sim.mono;
      if (this.#watcher.oracle.expected.has('check')) this.#did('check');
    }
    const { random } = this.#sim;
    const observation = name === KILL_WHEN ? this.#condition() : this.#answer(runId);
    this.#report({ type: 'probes-reported', runId, reports: [{ probe: name, observation }] }, random.between(0, 3000));
  }

  #condition(): Observation {
    const { condition, agenda } = this.#sim;
    const result = agenda.now < condition.until ? condition.result : 'clear';
    return { kind: 'condition', result, notYet: false, why: result };
  }

  #answer(runId: RunId): Observation {
    const { agenda, processes, random } = this.#sim;
    if (random.chance(0.03)) return { kind: 'none', detail: 'could not look' };
    const ok = agenda.now < this.#illFrom && processes.runs.get(runId)?.mainAlive === true;
    return { kind: 'answer', ok, detail: ok ? 'well' : 'ill', value: null };
  }

  #arm(timer: TimerId, delayMs: number): void {
    const { random, agenda } = this.#sim;
    const { armed } = this.#watcher;
    if (!(delayMs >= 0)) this.#sim.fail(`a timer of ${delayMs} ms`);
    if (armed.has(timer)) this.#sim.fail(`timer ${timer} armed twice`);
    let lateMs = 0;
    if (random.chance(0.02)) {
      lateMs = random.between(1, 5000);
      this.#sim.count('late timer');
    }
    const fire = () => {
      armed.delete(timer);
      this.#watcher.take({ type: 'timer-fired', timer });
      if (!random.chance(0.02)) return;
      this.#sim.count('timer fires twice');
      agenda.plan(random.between(0, 60_000), () => this.#watcher.take({ type: 'timer-fired', timer }));
    };
    armed.set(timer, agenda.plan(delayMs + lateMs, fire));
  }

  /** A timer may have fired in the kernel already: its news is on the way then. */
  #disarm(timer: TimerId): void {
    const entry = this.#watcher.armed.get(timer);
    this.#watcher.armed.delete(timer);
    if (entry === undefined) return;
    if (!this.#sim.random.chance(0.05)) entry.run = null;
    else this.#sim.count('timer after disarm');
  }

  /** As the real store does it: the lock's record first, then the state; a failure is told when it begins and ends. */
  #save(state: State): void {
    const { disk, random, agenda } = this.#sim;
    this.#did('save');
    this.#savedState = state;
    this.lastSaveAt = this.#sim.mono;
    disk.record = { boot: this.#sim.boot, run: runOf(state) };
    if (this.#watcher.dieAfterCalls !== null && random.chance(0.1)) {
      this.#sim.count('watcher killed between record and state');
      return this.#watcher.kill();
    }
    const ok = disk.takesState(agenda.now);
    const wasFailing = this.saveFailing;
    this.saveFailing = !ok;
    if (ok) this.#write(state);
    else this.#sim.count('failed save');
    if (ok && !wasFailing) return;
    const fact: Fact = { type: 'save-finished', ok, why: ok ? null : 'no room' };
    if (this.#savesAtOnce) this.#watcher.queue(fact);
    else this.#report(fact, random.between(0, 100));
  }

  #write(state: State): void {
    const snapshot = this.#sim.snapshotOf(state);
    this.#sim.checkSnapshot(snapshot);
    this.#sim.disk.write({ snapshot, belief: this.#watcher.oracle.belief, at: this.#sim.agenda.now });
  }

  #writeHold(hold: Hold): void {
    const { disk, agenda } = this.#sim;
    this.#did('hold');
    if (agenda.now >= disk.readOnlyUntil) disk.hold = { hold };
    else this.#sim.count('hold that could not be written');
  }

  #liftHold(): void {
    this.#did('lift');
    this.#sim.disk.hold = null;
  }

  #tell({ kind }: Note): void {
    if (TOLD.has(kind)) this.#did(`tell:${kind}`);
    if (kind === 'save-failed' || kind === 'save-recovered') {
      if ((this.#saidOfSaves === 'save-failed') !== (kind === 'save-recovered')) this.#sim.fail(`${kind} out of turn`);
      this.#saidOfSaves = kind;
    }
    if (!this.#sim.random.chance(0.005)) return;
    this.#sim.count('a line that could not be said');
    throw new Error('EPIPE');
  }

  #exit(code: number): void {
    this.#did(`exit:${code}`);
    if (this.#sim.processes.runs.size > 0 && code !== 125)
      this.#sim.fail('the watcher exited and left something alive');
    this.#watcher.over();
    this.#sim.left(this.#watcher, code);
  }
}
