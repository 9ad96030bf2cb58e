import type { Exit, RunId, Signal, StopTo } from '../../src/core/model.ts';
import type { Agenda } from './agenda.ts';

/** How one process takes a signal: after how long it is gone; null: it never ends by being asked. */
export interface Temper {
  askedMs: number | null;
  /** SIGKILL is not at once where the kernel has it wait for a disk. */
  killedMs: number;
  /** Of its own accord; null: never. */
  livesMs: number | null;
}

/** A limit, with the time from its end to that of the limit; or a refused login. */
export type LastLines =
  | { says: 'limit'; kind: 'quota' | 'throttle'; own: boolean; endsInMs: number | null }
  | { says: 'refused' };

/** What a run will be: its main process, how that ends, and others it forks, whether or not they escape its session. */
export interface Nature extends Temper {
  exit: Exit;
  /** What its last lines say when it ends by itself. */
  last: LastLines | null;
  askedExit: Exit;
  others: readonly Temper[];
}

interface Process {
  temper: Temper;
  main: boolean;
  asked: boolean;
}

/** A run as the system sees it: it outlives its watcher. */
export interface SimRun {
  readonly runId: RunId;
  readonly nature: Nature;
  readonly alive: Set<Process>;
  mainAlive: boolean;
  /** Told when the main process has ended: whoever is its parent then. */
  onExit: ((exit: Exit) => void) | null;
  /** Told after each death: whoever is ending the run. */
  onDeath: (() => void) | null;
  /** When SIGKILL was first sent to it by the present watcher. */
  killedAt: number | null;
}

/** The process table of the simulated machine. Runs of which something is alive. */
export class Processes {
  readonly runs = new Map<RunId, SimRun>();
  readonly #agenda: Agenda;

  constructor(agenda: Agenda) {
    this.#agenda = agenda;
  }

  start(runId: RunId, nature: Nature): SimRun {
    const run: SimRun = {
      runId,
      nature,
      alive: new Set(),
      mainAlive: true,
      onExit: null,
      onDeath: null,
      killedAt: null,
    };
    this.runs.set(runId, run);
    this.#add(run, nature, true);
    for (const temper of nature.others) this.#add(run, temper, false);
    return run;
  }

  /** Whoever looked after the runs is gone. */
  forsake(): void {
    for (const run of this.runs.values()) Object.assign(run, { onExit: null, onDeath: null, killedAt: null });
  }

  /** Any signal but SIGKILL asks; a second asking changes nothing. */
  signal(runId: RunId, signal: Signal, to: StopTo): void {
    const run = this.runs.get(runId);
    if (run === undefined) return;
    for (const process of run.alive) {
      if (to === 'main' && !process.main) continue;
      const { askedMs, killedMs } = process.temper;
      if (signal === 'SIGKILL') this.#end(run, process, killedMs, { code: null, signal });
      else if (!process.asked && askedMs !== null) this.#end(run, process, askedMs, run.nature.askedExit);
      process.asked = true;
    }
  }

  /** Ends the main process from outside, as an OOM killer does. False if it is gone. */
  strike(runId: RunId, signal: Signal): boolean {
    const run = this.runs.get(runId);
    const main = run && [...run.alive].find(process => process.main);
    if (run === undefined || main === undefined) return false;
    this.#die(run, main, { code: null, signal });
    return true;
  }

  /** The power is gone. */
  clear(): void {
    for (const run of this.runs.values()) {
      run.alive.clear();
      run.onExit = null;
      run.onDeath = null;
    }
    this.runs.clear();
  }

  #add(run: SimRun, temper: Temper, main: boolean): void {
    const process: Process = { temper, main, asked: false };
    run.alive.add(process);
    if (temper.livesMs !== null) this.#end(run, process, temper.livesMs, run.nature.exit);
  }

  #end(run: SimRun, process: Process, delayMs: number, exit: Exit): void {
    if (delayMs <= 0) this.#die(run, process, exit);
    else this.#agenda.plan(delayMs, () => this.#die(run, process, exit));
  }

  #die(run: SimRun, process: Process, exit: Exit): void {
    if (!run.alive.delete(process)) return;
    if (run.alive.size === 0) this.runs.delete(run.runId);
    if (process.main) {
      run.mainAlive = false;
      run.onExit?.(exit);
    }
    run.onDeath?.();
  }
}
