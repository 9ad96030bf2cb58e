import { FRESH_STATE } from '../../src/core/decide.ts';
import type { Fact, Note } from '../../src/core/events.ts';
import type { Observation } from '../../src/core/health-model.ts';
import type { Exit, Policy, RunId, TimerId } from '../../src/core/model.ts';
import type { World } from '../../src/core/ports.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { nextDue, revisedDue, type Schedule, waitMs } from '../../src/probes/schedule.ts';
import { createSupervisor } from '../../src/supervisor/supervisor.ts';
import { CLEAN_START, DEFAULT_POLICY } from '../core/bench.ts';
import { Agenda, type Entry } from '../simulation/agenda.ts';

/** What a test decides about the world. */
export interface Circumstances {
  policy: Partial<Policy>;
  /** RFC 3339: the wall clock at the start. */
  startsAt?: string;
  schedule?: Schedule;
  /** What a probe sees; undefined: it never answers. */
  answer?: (probe: string, at: Stamp, runId: RunId) => Observation | undefined;
  latencyMs?: () => number;
  /** After so long a run ends by itself; null: it does not. */
  livesMs?: () => number | null;
  dyingMs?: () => number;
}

/** A run as its world saw it. */
export interface Seen {
  runId: RunId;
  startedAt: Wall;
  /** Signals to its tree while it was up. */
  signals: string[];
  exited: boolean;
}

/** The real supervisor and machine in a world on virtual clocks in which everything goes well, but for what a test says. */
export function virtualWatch({ policy, startsAt = '2026-06-01T00:00:00Z', ...world }: Circumstances) {
  const agenda = new Agenda();
  const startWall = Date.parse(startsAt);
  let jumpedMs = 0;
  let ids = 0;
  const now = (): Stamp => ({ mono: (1e6 + agenda.now) as Mono, wall: (startWall + agenda.now + jumpedMs) as Wall });
  const runs: Seen[] = [];
  const notes: Note[] = [];
  const faults: string[] = [];
  const timers = new Map<TimerId, Entry>();
  let held = false;
  const later = (delayMs: number, fact: Fact) => agenda.plan(delayMs, () => supervisor.take(fact));

  function spawn(runId: RunId): void {
    if (runs.some(({ exited }) => !exited)) faults.push('two runs at once');
    if (held) faults.push('a start in a hold');
    const run: Seen = { runId, startedAt: now().wall, signals: [], exited: false };
    runs.push(run);
    later(1, { type: 'child-spawned', runId, pid: 1000 + runs.length, startTicks: null });
    const livesMs = world.livesMs?.() ?? null;
    if (livesMs !== null) exit(run, 1 + livesMs, { code: 0, signal: null });
  }

  function exit(run: Seen, delayMs: number, how: Exit): void {
    agenda.plan(delayMs, () => {
      if (run.exited) return;
      run.exited = true;
      supervisor.take({ type: 'child-exited', runId: run.runId, exit: how });
    });
  }

  function signalTree(runId: RunId, signal: NodeJS.Signals): void {
    const run = runs.find(one => one.runId === runId);
    if (run === undefined || run.exited) return;
    // As the port does it: each process gets a signal once.
    if (signal !== 'SIGKILL' && run.signals.includes(signal)) return;
    run.signals.push(signal);
    exit(run, world.dyingMs?.() ?? 20, { code: null, signal });
  }

  function ask(runId: RunId, names: readonly string[]): void {
    for (const probe of names) {
      agenda.plan(world.latencyMs?.() ?? 5, () => {
        const observation = world.answer?.(probe, now(), runId);
        if (observation === undefined) return;
        supervisor.take({ type: 'probes-reported', runId, reports: [{ probe, observation }] });
      });
    }
  }

  function plan(due: Wall | null, lastDue: Wall | null): void {
    const { schedule } = world;
    if (schedule === undefined) return;
    const { wall } = now();
    const next = due === null ? nextDue(schedule, lastDue, wall) : revisedDue(schedule, due, lastDue, wall);
    later(0, { type: 'run-planned', due: next, waitMs: next === null ? 0 : waitMs(next, wall) });
  }

  const ports: World = {
    source: { now, roll: () => 0, freshRunId: () => String(++ids) as RunId },
    child: {
      spawn: (_number, runId) => spawn(runId),
      signalTree,
      signalChild() {},
      clear: ({ clearing: { runId } }) => later(5, { type: 'run-cleared', runId, ended: 0 }),
    },
    checks: { check() {}, end() {} },
    schedule: { plan },
    probes: { ask },
    incidents: { examine() {}, open() {}, close() {} },
    timers: {
      arm: (timer, delayMs) => timers.set(timer, later(delayMs, { type: 'timer-fired', timer })),
      disarm(timer) {
        const entry = timers.get(timer);
        if (entry !== undefined) entry.run = null;
        timers.delete(timer);
      },
    },
    store: {
      save() {},
      writeHold() {
        held = true;
      },
      liftHold() {
        held = false;
      },
    },
    public: { tell: note => notes.push(note), reportBug: what => faults.push(what), exit() {} },
  };
  const supervisor = createSupervisor({ ...DEFAULT_POLICY, ...policy }, FRESH_STATE);
  supervisor.connect(ports);
  supervisor.take(CLEAN_START);
  return {
    now,
    runs,
    faults,
    take: (fact: Fact) => supervisor.take(fact),
    get phase() {
      return supervisor.state.phase;
    },
    /** Why runs had ended, all that joined meanwhile included. */
    ends: () => notes.flatMap(note => (note.kind === 'exited' && note.why !== null ? [note.why] : [])),
    /** Why runs were ended by us. */
    stops: () => notes.flatMap(note => (note.kind === 'stopping' ? [`${note.cause}: ${note.why}`] : [])),
    pass(ms: number) {
      const end = agenda.now + ms;
      while (agenda.step(end)) if (faults.length > 0) return;
      agenda.now = end;
    },
    /** The machine sleeps: the wall clock goes on alone. Also how a clock is set. */
    jumpWall(ms: number) {
      jumpedMs += ms;
    },
  };
}
