import type { Log } from '../child/log.ts';
import type { EndedRun, RunId, State } from '../core/model.ts';
import type { CheckPort, Report } from '../core/ports.ts';
import type { Observer } from './observers/observer.ts';
import type { CheckOrder, NotificationSettings } from './watch-order.ts';

/** What checks need of the watcher. */
export interface CheckWorld {
  checks: CheckOrder;
  name: string;
  cwd: string;
  /** The child's, which names most secrets that its log may show. */
  env: Readonly<Record<string, string>>;
  notifications: NotificationSettings;
  /** Where the incidents are kept. */
  incidentsFolder: string;
  /** How much of the output of a run is kept in memory. */
  ringBytes: number;
  /** The end of the output of the current or last run, both streams in order of arrival. */
  tail(): Buffer;
  /** The copy on disk, by the path of its newest file; null: there is none. */
  log: (Pick<Log, 'settle'> & { readonly path: string }) | null;
  state(): State;
  warn(line: string): void;
}

/** A run whose output is wanted, with as much of it as is in memory; null: the memory is of another run. */
export interface CheckedRun {
  run: number;
  runId: RunId;
  healthy: boolean;
  inMemory: Buffer | null;
}

/** Checks ended runs, one at a time. What checks is loaded with the first of them. */
export function createRunChecks(world: CheckWorld, report: Report): CheckPort & Observer {
  let current: { runId: RunId; abort: AbortController } | null = null;
  let runInMemory = 0;

  async function check(run: CheckedRun, abort: AbortSignal): Promise<void> {
    const { rejectionOf } = await import('./response/acceptance.ts');
    const rejection = await rejectionOf(world, run, abort);
    if (!abort.aborted) report({ type: 'run-checked', runId: run.runId, rejection });
  }

  return {
    fact: ({ type }) => {
      if (type === 'child-spawned') runInMemory = world.state().run;
    },
    check(run: number, { runId, healthy }: EndedRun) {
      const abort = new AbortController();
      current = { runId, abort };
      const inMemory = run === runInMemory ? world.tail() : null;
      check({ run, runId, healthy, inMemory }, abort.signal).catch((error: unknown) => {
        if (abort.signal.aborted) return;
        // What could not be checked has not proved itself.
        const reason = `the check itself failed: ${error instanceof Error ? error.message : error}`;
        report({ type: 'run-checked', runId, rejection: { by: 'accept', reason } });
      });
    },
    end(runId) {
      if (current?.runId === runId) current.abort.abort();
    },
  };
}
