import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { onExit } from 'signal-exit';
import { EXIT } from '../core/exit-code.ts';
import type { Signal } from '../core/model.ts';
import type { Report } from '../core/ports.ts';
import { exitAtOnce } from '../host/own-process.ts';

/** Signals that mean nothing to us and something, perhaps, to the child. */
const FORWARDED: readonly Signal[] = ['SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGQUIT'];

/** What SIGHUP means, which depends on where we were started; a terminal that has gone cannot be asked any more. */
export type HangupMeaning = 'stop' | 'ignore' | 'forward';

/**
 * With a terminal among our three streams its end is ours. With only a controlling terminal (`nohup`, `&` with all
 * streams elsewhere) we were meant to outlive it; Node resets the ignored signal that nohup left us. With neither we are a service, and
 * SIGHUP is the old word for "read your configuration again".
 */
export function hangupMeaning(): HangupMeaning {
  if ([0, 1, 2].some(fd => isatty(fd))) return 'stop';
  return hasControllingTerminal() ? 'ignore' : 'forward';
}

function hasControllingTerminal(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // After the name, which may hold anything up to the last parenthesis: state, ppid, pgrp, session, tty_nr.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4] !== '0';
  } catch {
    // No /proc (macOS): then a hang-up with all streams elsewhere is taken for nohup's.
    return true;
  }
}

/** Turns the signals that reach the watcher into facts. */
export function listenToSignals(report: Report, hangup: HangupMeaning): void {
  const stop = (signal: Signal) => report({ type: 'stop-requested', by: 'signal', signal, now: false });
  const forward = (signal: Signal) => report({ type: 'signal-requested', by: 'signal', signal });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => {
    if (hangup === 'stop') stop('SIGHUP');
    if (hangup === 'forward') forward('SIGHUP');
  });
  for (const signal of FORWARDED) process.on(signal, forward);
  // Written to a pipe without reader: the sinks see EPIPE and deal with it. Beyond a limit of file sizes (`ulimit -f`): a write fails
  // with EFBIG, like on a full disk. Beyond the soft limit of CPU time: the hard one still holds.
  for (const signal of ['SIGPIPE', 'SIGXFSZ', 'SIGXCPU'] as const) process.on(signal, () => {});
}

/** Stops the run and lets it go on. */
export interface Suspending {
  /** Returns how those that were stopped go on. */
  suspend(): () => void;
}

/**
 * Ctrl-Z reaches the watcher alone, since its command is in a session of its own. So the run is stopped with us, by a signal that it
 * cannot catch, and goes on with us.
 */
export function suspendTogether({ suspend }: Suspending): void {
  process.on('SIGTSTP', () => {
    const goOn = suspend();
    // Returns after SIGCONT.
    process.kill(process.pid, 'SIGSTOP');
    goOn();
  });
}

/** After this many faults the watcher ends and its unit starts it anew: a fault at every turn would fill a log. */
const MOST_FAULTS = 100;

/** What stands between a fault of our own and the child. */
export interface FaultGuard {
  /** The watcher ends as it should: nothing is left to guard. */
  disarm(): void;
}

/**
 * A fault in an alert, a probe or a diagnosis must not end supervision: it is said, and the loop goes on. An end that we do not
 * see coming (a fault too many, a signal nobody listens to, such as SIGALRM) must not leave a child without a watcher: the last
 * synchronous hook ends it.
 * @param endChild SIGKILL to the whole tree, at once
 */
export function guardAgainstFaults(warn: (text: string) => void, endChild: () => void): FaultGuard {
  let faults = 0;
  const said = (error: unknown) => {
    faults += 1;
    warn(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (faults >= MOST_FAULTS) exitAtOnce(EXIT.usage);
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
