import type { Fact } from '../../src/core/events.ts';
import type { Signal } from '../../src/core/model.ts';
import type { Simulation } from './simulation.ts';

/** Something that goes wrong, or that somebody does, at random moments. To add one is to add one object here. */
export interface Fault {
  readonly name: string;
  readonly perDay: number;
  /** False if there was nothing to strike. */
  strike(sim: Simulation): boolean;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Tells the watcher, if there is one. */
function tell(sim: Simulation, fact: Fact, delayMs = 0): boolean {
  if (sim.watcher === null) return false;
  sim.watcher.report(fact, delayMs);
  return true;
}

const stop = (signal: Signal | null, now = false): Fact => ({
  type: 'stop-requested',
  by: signal === null ? 'command' : 'signal',
  signal,
  now,
});

export const FAULTS: readonly Fault[] = [
  {
    name: 'watcher killed',
    perDay: 0.25,
    strike(sim) {
      sim.watcher?.kill();
      return true;
    },
  },
  {
    name: 'watcher to be killed in its next decision',
    perDay: 0.5,
    strike({ watcher, random }) {
      if (watcher === null) return false;
      watcher.dieAfterCalls = random.between(0, 8);
      return true;
    },
  },
  {
    name: 'power cut',
    perDay: 0.05,
    strike(sim) {
      const downMs = sim.random.between(10_000, 2 * hour);
      sim.powerCut(downMs, sim.random.pick([0, 0, -day, day, 3600]));
      return true;
    },
  },
  {
    name: 'wall clock jumps',
    perDay: 0.25,
    strike(sim) {
      sim.jumpClock(sim.random.pick([-2 * day, -hour, -1000, 1000, hour, 2 * day]));
      return true;
    },
  },
  {
    name: 'suspend',
    perDay: 0.15,
    strike(sim) {
      sim.jumpClock(sim.random.between(minute, 10 * hour));
      // Awake again, everything wants the processor at once.
      if (sim.watcher !== null) sim.watcher.stalledUntil = sim.agenda.now + sim.random.between(0, 5000);
      return true;
    },
  },
  {
    name: 'watcher gets no processor',
    perDay: 0.25,
    strike({ watcher, agenda, random }) {
      if (watcher === null) return false;
      watcher.stalledUntil = agenda.now + random.between(1, minute);
      return true;
    },
  },
  {
    name: 'disk full',
    perDay: 0.1,
    strike({ disk, agenda, random }) {
      disk.fullUntil = agenda.now + random.between(1000, 10 * minute);
      return true;
    },
  },
  {
    name: 'disk read-only',
    perDay: 0.15,
    strike({ disk, agenda, random }) {
      disk.readOnlyUntil = agenda.now + random.between(1000, 10 * minute);
      return true;
    },
  },
  {
    name: 'state lost between watchers',
    perDay: 0.05,
    strike(sim) {
      // With the lock's record lost too nobody could know of a run.
      if (sim.disk.record === null) return false;
      sim.watcher?.kill();
      sim.disk.saves = [];
      return true;
    },
  },
  {
    name: 'state garbled, its durable copy used',
    perDay: 0.1,
    strike(sim) {
      if (sim.disk.record === null) return false;
      sim.watcher?.kill();
      const durable = sim.disk.durable(sim.agenda.now);
      sim.disk.saves = durable === null ? [] : [durable];
      return true;
    },
  },
  {
    name: 'record unreadable between watchers',
    perDay: 0.1,
    strike(sim) {
      // Only where the state knows as much: what neither of them tells nobody can know.
      if (sim.watcher?.saveFailing !== false) return false;
      sim.watcher.kill();
      sim.disk.record = null;
      return true;
    },
  },
  {
    name: 'hold file lost',
    perDay: 0.15,
    strike({ disk, watcher }) {
      if (disk.hold === null || watcher?.oracle.belief.mode.is !== 'held' || watcher.saveFailing) return false;
      disk.hold = null;
      return true;
    },
  },
  {
    name: 'hold file garbled',
    perDay: 0.15,
    strike({ disk }) {
      if (disk.hold === null) return false;
      disk.hold = 'unreadable';
      return true;
    },
  },
  {
    name: 'child killed from outside',
    perDay: 0.2,
    strike({ processes, random }) {
      const [runId] = processes.runs.keys();
      return runId !== undefined && processes.strike(runId, random.pick(['SIGKILL', 'SIGSEGV']));
    },
  },
  {
    name: 'kill condition true',
    perDay: 0.25,
    strike(sim) {
      if (sim.policy.health.killWhen === null) return false;
      const until = sim.agenda.now + sim.random.between(1000, hour);
      sim.condition = { result: 'tripped', until };
      // The hold must bind all the same.
      if (sim.random.chance(0.3)) sim.disk.readOnlyUntil = Math.min(until, sim.agenda.now + 30 * minute);
      return true;
    },
  },
  {
    name: 'kill condition blind',
    perDay: 0.25,
    strike(sim) {
      if (sim.policy.health.killWhen === null) return false;
      sim.condition = { result: 'blind', until: sim.agenda.now + sim.random.between(1000, hour) };
      return true;
    },
  },
  { name: 'stop', perDay: 0.2, strike: sim => tell(sim, stop(sim.random.pick(['SIGTERM', 'SIGHUP', null]))) },
  { name: 'Ctrl-C', perDay: 0.1, strike: sim => tell(sim, stop('SIGINT')) },
  { name: 'stop --now', perDay: 0.05, strike: sim => tell(sim, stop(null, true)) },
  {
    name: 'stop, and again in many ways',
    perDay: 0.2,
    strike(sim) {
      const { random } = sim;
      for (let again = 0; again < 6; again++) {
        const delayMs = random.pick([0, 10, 999, 1000, 1001, 5000]);
        tell(sim, stop(random.pick(['SIGTERM', 'SIGINT', null]), random.chance(0.1)), delayMs);
      }
      return sim.watcher !== null;
    },
  },
  {
    name: 'work done',
    perDay: 0.4,
    strike(sim) {
      const [run] = sim.processes.runs.values();
      return run !== undefined && tell(sim, { type: 'work-done', runId: run.runId });
    },
  },
  { name: 'restart', perDay: 0.4, strike: sim => tell(sim, { type: 'restart-requested', by: 'command' }) },
  { name: 'reset', perDay: 0.5, strike: sim => tell(sim, { type: 'reset-requested', by: 'command' }) },
  {
    name: 'signal for the child',
    perDay: 0.2,
    strike: sim => tell(sim, { type: 'signal-requested', by: 'signal', signal: 'SIGUSR1' }),
  },
  {
    name: 'slow reader',
    perDay: 0.1,
    strike: sim => tell(sim, { type: 'output-reported', blockedSince: null, droppedBytes: sim.random.between(0, 9) }),
  },
];
