import { closeSync, constants, writeFileSync } from 'node:fs';
import type { Child } from '../child/child.ts';
import type { ChildPort, Report } from '../core/ports.ts';
import type { GivenDescriptors } from '../host/inherited.ts';
import { createOomProtection } from '../host/oom-score.ts';
import { openRegularSync } from '../host/read-file.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { Remedies } from './response/remedies.ts';

/** Variables meant for the watcher that must not reach the child: those of systemd for its main process, and our own. */
const OURS = ['NOTIFY_SOCKET', 'JOURNAL_STREAM', 'INVOCATION_ID', 'STATE_DIRECTORY', 'AGENT_WATCH_ALERT_WEBHOOK'];
const OUR_PREFIXES = ['WATCHDOG_', 'LISTEN_', 'AGENT_WATCH_OPTION_'];
/** Set anew for each run; a caller's own, where we are watched ourselves, must not shine through. */
const PER_RUN = ['AGENT_WATCH_RUN', 'AGENT_WATCH_RUN_ID', 'AGENT_WATCH_LAST_INCIDENT'];

/**
 * The environment of every run but for the run's own number and id: ours, what the options add, and what the contract
 * sets. PYTHONUNBUFFERED because a Python that writes into a pipe keeps its last words in a buffer, and takes them along when it is killed.
 */
export function childEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string>>,
  watcher: { name: string; stateDir: string; cwd: string },
): Record<string, string> {
  const environment: Record<string, string> = { PYTHONUNBUFFERED: '1' };
  for (const [name, value] of Object.entries(inherited)) {
    const ours = OURS.includes(name) || PER_RUN.includes(name) || OUR_PREFIXES.some(prefix => name.startsWith(prefix));
    if (!ours && value !== undefined) environment[name] = value;
  }
  // Shells and programs believe it without a look.
  environment['PWD'] = watcher.cwd;
  Object.assign(environment, added);
  environment['AGENT_WATCH_NAME'] = watcher.name;
  environment['AGENT_WATCH_STATE_DIR'] = watcher.stateDir;
  return environment;
}

/** What comes with each start. */
export interface Starts {
  /** The descriptors that every run is given beside its three streams. */
  given: GivenDescriptors;
  /** Null: there are none. */
  remedies: Remedies | null;
  /** What only the next run is told. Asked once for each start. */
  runEnv(): Record<string, string>;
}

/** The child port of the machine: a start waits for remedies, and the child is killed before us when memory runs out. */
export function startsOf(child: Child, { given, remedies, runEnv }: Starts, report: Report): ChildPort {
  const { asInherited } = createOomProtection();
  return {
    spawn(run, runId, resume) {
      const start = () => given.during(() => asInherited(() => child.spawn(run, runId, resume, runEnv())));
      if (remedies === null) return start();
      remedies.before(start, why => report({ type: 'spawn-failed', runId, failure: { kind: 'other', why } }));
    },
    signalTree: child.signalTree,
    signalChild: child.signalChild,
    clear: child.clear,
  };
}

/** Hands the output of one run to the next, as its standard input: through a file, since whole runs lie between. */
export interface LastOutput {
  /** Keeps what a run wrote that has ended. */
  keep(output: Buffer): void;
  /** What the next run reads; null if there is nothing yet. */
  feed(): number | null;
}

const FILE = 'last-output';
const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

export function createLastOutput(place: StateFolder): LastOutput {
  return {
    keep(output) {
      try {
        const fd = openRegularSync(place.at(FILE), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
        try {
          writeFileSync(fd, output);
        } finally {
          closeSync(fd);
        }
      } catch {
        // A disk that takes nothing: the next run reads what an earlier one wrote, or nothing.
      }
    },
    feed() {
      try {
        return openRegularSync(place.at(FILE), O_RDONLY | O_NOFOLLOW);
      } catch {
        // The first run ever.
        return null;
      }
    },
  };
}
