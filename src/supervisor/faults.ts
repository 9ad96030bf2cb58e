import { onExit } from 'signal-exit';

/** A fault every time something is done would fill a log: after so many the watcher ends, and its unit starts it anew. */
const MOST_FAULTS = 100;

/** What stands between a fault of our own and the child. */
export interface FaultGuard {
  /** The watcher ends as it should: nothing is left to guard. */
  disarm(): void;
}

/**
 * A fault in an alert, a probe or a diagnosis must not end supervision: it is said, and the loop goes on. An end that we do not
 * see coming (a fault too many, a signal nobody listens to, such as SIGALRM) must not leave a child that nobody watches: the last
 * synchronous hook ends it.
 * @param endChild SIGKILL to the whole tree, at once
 */
export function guardAgainstFaults(warn: (text: string) => void, endChild: () => void): FaultGuard {
  let faults = 0;
  const said = (error: unknown) => {
    faults += 1;
    warn(`a fault of its own: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (faults >= MOST_FAULTS) process.exit(125);
  };
  process.on('uncaughtException', said);
  process.on('unhandledRejection', said);
  const unhook = onExit(() => endChild(), { alwaysLast: true });
  return {
    disarm() {
      process.off('uncaughtException', said);
      process.off('unhandledRejection', said);
      unhook();
    },
  };
}
