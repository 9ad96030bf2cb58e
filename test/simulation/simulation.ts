import { decide, FRESH_STATE } from '../../src/core/decide.ts';
import type { Leftover } from '../../src/core/events.ts';
import type { Hold, Policy, RunId, State } from '../../src/core/model.ts';
import {
  encoded,
  forgetTroubles,
  readSnapshot,
  restore,
  SNAPSHOT_VERSION,
  type Snapshot,
} from '../../src/core/snapshot.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import { Agenda } from './agenda.ts';
import { type Belief, BLANK, forgiven, shifted } from './belief.ts';
import { Disk } from './disk.ts';
import { FAULTS } from './faults.ts';
import { Moods } from './moods.ts';
import type { Machine } from './planted.ts';
import { randomPolicy } from './policies.ts';
import { Processes } from './processes.ts';
import { createRandom, type Random, weighted } from './random.ts';
import { SimWatcher } from './watcher.ts';

export const DAY = 86_400_000;
const FAULTS_PER_DAY = FAULTS.reduce((sum, fault) => sum + fault.perDay, 0);

/** One simulated machine with one watched name, over some days. Everything that happens follows from the seed. */
export class Simulation {
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly policy: Policy;
  readonly moods: Moods;
  readonly processes: Processes;
  readonly disk = new Disk();
  readonly counts: Map<string, number>;
  /** The machine, or one with a fault planted in it. */
  readonly machine: Machine;
  watcher: SimWatcher | null = null;
  steps = 0;
  /** What a reading of the kill condition says, until when. */
  condition: { result: 'tripped' | 'blind'; until: number } = { result: 'blind', until: 0 };
  /** The first thing that may never happen, and did. */
  violation: string | null = null;
  #boots = 1;
  #bootedAt = -15_000;
  #wallOffset = 1_700_000_000_000;
  #runIds = 0;
  #saves = 0;
  readonly #trace: (readonly [number, string, unknown])[] = [];

  constructor(seed: number, counts: Map<string, number> = new Map(), machine: Machine = decide) {
    this.random = createRandom(seed);
    this.policy = randomPolicy(this.random);
    this.moods = new Moods(this.random, this.policy);
    this.processes = new Processes(this.agenda);
    this.counts = counts;
    this.machine = machine;
  }

  get boot(): string {
    return `boot-${this.#boots}`;
  }
  /** Stands still while the machine sleeps: virtual time does not count that at all. */
  get mono(): number {
    return this.agenda.now - this.#bootedAt;
  }
  get wall(): number {
    return this.agenda.now + this.#wallOffset;
  }

  /** Lives through that time. False as soon as something was violated. */
  run(days: number): boolean {
    this.agenda.plan(0, () => this.start());
    this.#planFault();
    const end = days * DAY;
    while (this.violation === null && this.agenda.step(end)) {
      this.steps++;
      if (this.processes.runs.size > 1) this.fail('two live runs');
    }
    return this.violation === null;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  fail(what: string): void {
    this.violation ??= what;
  }

  trace(kind: string, what: unknown): void {
    if (this.#trace.length > 200) this.#trace.splice(0, 100);
    this.#trace.push([this.agenda.now, kind, what]);
  }

  /** The last things that happened, for whoever looks for the cause. */
  story(last = 60): string {
    const lines = this.#trace.slice(-last).map(([at, kind, what]) => `${at} ${kind} ${JSON.stringify(what)}`);
    return [JSON.stringify(this.policy), ...lines, `violated: ${this.violation}`].join('\n');
  }

  freshRunId(): RunId {
    return `run-${++this.#runIds}` as RunId;
  }

  /** After each step: what may never be, and what is late. */
  check(): void {
    if (this.violation !== null || this.watcher === null) return;
    const wrong = this.watcher.wrong();
    if (wrong !== null) this.fail(wrong);
  }

  /** A new watcher looks at what is on the disk, as the real one does. */
  start(): void {
    if (this.watcher !== null) return;
    const { disk } = this;
    const saved = disk.latest;
    const found = saved === null ? null : this.#load(saved.snapshot);
    const sameBoot = found === null || found.bootId === this.boot;
    const now = { mono: this.mono as Mono, wall: this.wall as Wall };
    const state = found === null ? FRESH_STATE : restore(found, this.boot, now);
    const belief = saved === null ? BLANK : sameBoot ? saved.belief : this.#overReboot(saved.belief, saved.snapshot);
    const newCommand = found === null || this.random.chance(0.01);
    const hold: Hold | null =
      disk.hold === 'unreadable'
        ? { cause: 'unreadable', why: 'it cannot be read', at: now.wall }
        : (disk.hold?.hold ?? null);
    this.trace('watcher', { sameBoot, state: found?.state.phase ?? null, hold, record: disk.record });
    this.watcher = new SimWatcher(this, state, belief);
    // A signal may come before the machine has heard of anything.
    if (this.random.chance(0.005)) {
      this.count('stop before the start');
      this.watcher.take({ type: 'stop-requested', by: 'signal', signal: 'SIGTERM', now: false });
    }
    this.watcher.take({ type: 'watcher-started', hold, newCommand, sameBoot, leftover: this.#leftover() });
  }

  /** Its watcher was killed: something starts it again, sooner or later. */
  lost(watcher: SimWatcher): void {
    if (this.watcher !== watcher) return;
    this.watcher = null;
    this.trace('watcher', 'killed');
    const { random } = this;
    this.#startIn(random.pick([100, 5000, 5000, 5000, random.between(0, 600_000), random.gap(DAY / 8)]));
  }

  /** It exited of its own accord: a person starts it again one day, and may reset it before. */
  left(watcher: SimWatcher, code: number): void {
    watcher.dead = true;
    this.processes.forsake();
    for (const entry of watcher.armed.values()) entry.run = null;
    this.watcher = null;
    this.count(`exit ${code}`);
    const delayMs = this.random.gap(DAY / 12);
    if (this.random.chance(0.5)) this.agenda.plan(delayMs, () => this.#resetFiles());
    this.#startIn(delayMs);
  }

  /** Everything stops; what was not yet safe on the disk may be lost. The clock may be wrong afterwards. */
  powerCut(downMs: number, clockErrorMs: number): void {
    this.watcher?.kill();
    this.processes.clear();
    const { disk, random } = this;
    const kept = disk.durable(this.agenda.now) ?? (random.chance(0.5) ? disk.latest : null);
    disk.saves = kept === null ? [] : [kept];
    this.#boots++;
    this.#bootedAt = this.agenda.now + downMs - random.between(5000, 60_000);
    this.#wallOffset += clockErrorMs;
    this.trace('power cut', { downMs, clockErrorMs });
  }

  jumpClock(byMs: number): void {
    this.#wallOffset += byMs;
  }

  snapshotOf(state: State): Snapshot {
    return {
      version: SNAPSHOT_VERSION,
      name: 'simulated',
      bootId: this.boot,
      savedAt: { mono: this.mono as Mono, wall: this.wall as Wall },
      watcherPid: 1,
      command: ['agent'],
      cwd: '/',
      flapWindowMs: this.policy.flapWindowMs,
      nextBackoffMs: 0,
      stop: { stopSignal: 'SIGTERM', stopTimeoutMs: 10_000, stopTo: 'main' },
      health: [],
      state,
    };
  }

  /** Whatever is saved must be readable, and small. Looked at in one save of 32, and in each that a watcher starts from: it is the dearest check of all. */
  checkSnapshot(snapshot: Snapshot): void {
    if (++this.#saves % 32 !== 0) return;
    const text = JSON.stringify(encoded(snapshot));
    const read = readSnapshot(JSON.parse(text));
    if (typeof read === 'string') this.fail(`a saved state cannot be read: ${read}`);
    if (text.length > 16_384) this.fail(`a state of ${text.length} characters`);
  }

  #load(snapshot: Snapshot): Snapshot | null {
    const read = readSnapshot(JSON.parse(JSON.stringify(encoded(snapshot))));
    if (typeof read !== 'string') return read;
    this.fail(`the state on the disk cannot be read: ${read}`);
    return null;
  }

  /** By the wall clock, which is all that a reboot leaves to go by; it never makes a wait longer. */
  #overReboot(belief: Belief, { savedAt }: Snapshot): Belief {
    const passedMs = Math.max(0, this.wall - savedAt.wall);
    return shifted(belief, this.mono - passedMs - savedAt.mono);
  }

  #leftover(): Leftover | null | 'unknown' {
    const { record } = this.disk;
    if (record === null) return 'unknown';
    return record.boot === this.boot ? (record.run as Leftover | null) : null;
  }

  #startIn(delayMs: number): void {
    this.agenda.plan(delayMs, () => this.start());
  }

  /** `reset` of a name that nobody watches. */
  #resetFiles(): void {
    const { disk } = this;
    if (this.watcher !== null) return;
    this.count('reset without a watcher');
    disk.hold = null;
    disk.saves = disk.saves.map(({ at, belief, snapshot }) => {
      return { at, belief: forgiven(belief), snapshot: { ...snapshot, state: forgetTroubles(snapshot.state) } };
    });
  }

  #planFault(): void {
    this.agenda.plan(this.random.gap(DAY / FAULTS_PER_DAY), () => {
      const fault = weighted(FAULTS, one => one.perDay, this.random);
      if (fault.strike(this)) {
        this.count(fault.name);
        this.trace('fault', fault.name);
      }
      this.check();
      this.#planFault();
    });
  }
}
