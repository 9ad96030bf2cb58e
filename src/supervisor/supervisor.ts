import { closeSync, openSync, readSync } from 'node:fs';
import { decide } from '../core/decide.ts';
import type { Effect, Event, Fact } from '../core/events.ts';
import type { Policy, RunId, State, TimerId } from '../core/model.ts';
import type { Report, SourcePort, TimerPort, World } from '../core/ports.ts';
import { timerMs } from '../core/units.ts';
import { stampNow } from '../host/clock.ts';

/** Carries out one order. Every port returns at once; what comes of it arrives later as a fact. */
function perform(effect: Effect, state: State, world: World): void {
  switch (effect.type) {
    case 'spawn-child':
      return world.child.spawn(effect.run, effect.runId, effect.resume === true);
    case 'signal-tree':
      return world.child.signalTree(effect.runId, effect.signal, effect.to);
    case 'signal-child':
      return world.child.signalChild(effect.runId, effect.signal);
    case 'clear-run':
      return world.child.clear(effect);
    case 'check-run':
      return world.checks.check(effect.run, effect.ended);
    case 'end-check':
      return world.checks.end(effect.runId);
    case 'plan-run':
      return world.schedule.plan(effect.due, effect.lastDue, effect.since);
    case 'ask-probes':
      return world.probes.ask(effect.runId, effect.names);
    case 'examine-run':
      return world.incidents.examine();
    case 'open-incident':
      return world.incidents.open(effect.incident);
    case 'close-incident':
      return world.incidents.close(effect.at, effect.proof);
    case 'reopen-incident':
      return world.incidents.reopen?.(effect.at);
    case 'arm-timer':
      return world.timers.arm(effect.timer, effect.delayMs);
    case 'disarm-timer':
      return world.timers.disarm(effect.timer);
    case 'save-state':
      return world.store.save(state);
    case 'write-hold':
      return world.store.writeHold(effect.hold);
    case 'lift-hold':
      return world.store.liftHold();
    case 'tell':
      return world.public.tell(effect.note);
    case 'report-bug':
      return world.public.reportBug(effect.what);
    case 'exit-watcher':
      return world.public.exit(effect.code);
    default:
      effect satisfies never;
  }
}

/** The loop of one watcher, and the only writer of its state. */
export interface Supervisor {
  /** The world that carries out its orders. Until it is there all facts wait. */
  connect(world: World): void;
  /** Takes a fact: decides, and performs what is ordered. A fact that comes meanwhile waits its turn. */
  take(fact: Fact): void;
  readonly state: State;
}

/**
 * Supervises from a restored (or fresh) state. Nothing happens before the fact `watcher-started`: what comes earlier, a
 * signal in the first millisecond, is taken after it.
 * @param machine stands in for the real one where a test plants a fault
 */
export function createSupervisor(policy: Policy, restored: State, machine = decide): Supervisor {
  const waiting: Fact[] = [];
  let world: World | null = null;
  let state = restored;
  let started = false;
  let busy = false;
  let over = false;

  function turn(fact: Fact, world: World): void {
    const { source } = world;
    const event = { ...fact, at: source.now(), roll: source.roll(), freshRunId: source.freshRunId() } as Event;
    const decision = machine(policy, state, event);
    state = decision.state;
    for (const effect of decision.effects) act(effect, world);
  }

  /** One order that fails must not keep the next from being carried out. */
  function act(effect: Effect, world: World): void {
    if (effect.type === 'exit-watcher') over = true;
    try {
      perform(effect, state, world);
    } catch (error) {
      world.public.reportBug(`${effect.type} threw: ${error}`);
      if (effect.type !== 'spawn-child') return;
      waiting.push({ type: 'spawn-failed', runId: effect.runId, failure: { kind: 'other', why: String(error) } });
    }
  }

  function queue(fact: Fact): void {
    if (fact.type !== 'watcher-started') waiting.push(fact);
    else if (started) world?.public.reportBug('a watcher started twice');
    else {
      started = true;
      waiting.unshift(fact);
    }
  }

  return {
    connect(to) {
      world = to;
    },
    take(fact) {
      queue(fact);
      if (busy || !started || world === null) return;
      busy = true;
      try {
        for (let next = waiting.shift(); next !== undefined && !over; next = waiting.shift()) turn(next, world);
      } finally {
        busy = false;
      }
    },
    get state() {
      return state;
    },
  };
}

/** Timers of the event loop, whose clock is the monotonic one. A fired or disarmed timer is forgotten. */
export function createTimers(report: Report): TimerPort {
  const armed = new Map<TimerId, NodeJS.Timeout>();

  function arm(timer: TimerId, delayMs: number): void {
    const stretchMs = timerMs(delayMs);
    const ring = () => {
      if (delayMs > stretchMs) return arm(timer, delayMs - stretchMs);
      armed.delete(timer);
      report({ type: 'timer-fired', timer });
    };
    armed.set(timer, setTimeout(ring, stretchMs));
  }

  return {
    arm,
    disarm(timer) {
      clearTimeout(armed.get(timer));
      armed.delete(timer);
    },
  };
}

const ID_BYTES = 16;
/** How many are drawn at a time: every event carries an id, and few use it. */
const IDS_AT_ONCE = 16;

/** The machine's own clocks and randomness. */
export function createSource(): SourcePort {
  let spare: Buffer = Buffer.alloc(0);
  return {
    now: stampNow,
    roll: Math.random,
    freshRunId() {
      if (spare.length === 0) spare = randomBytes(ID_BYTES * IDS_AT_ONCE);
      const id = spare.subarray(0, ID_BYTES).toString('hex');
      spare = spare.subarray(ID_BYTES);
      return id as RunId;
    },
  };
}

/** From the kernel itself: node:crypto is the same source behind OpenSSL, whose first use costs a start several ms. */
function randomBytes(count: number): Buffer {
  let fd: number;
  try {
    fd = openSync('/dev/urandom', 'r');
  } catch {
    // A bare root has no /dev; getrandom(2) needs none.
    return process.getBuiltinModule('node:crypto').randomBytes(count);
  }
  try {
    const bytes = Buffer.alloc(count);
    readSync(fd, bytes);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
