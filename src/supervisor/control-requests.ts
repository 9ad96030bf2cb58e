import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { onExit } from 'signal-exit';
import type { Answer, Request } from '../control/protocol.ts';
import type { Caller } from '../control/server.ts';
import type { Phase, Signal } from '../core/model.ts';
import type { Report } from '../core/ports.ts';
import { whyNoRestart } from '../core/requests.ts';
import { EXIT } from '../core/signals.ts';
import { monoNow } from '../host/clock.ts';
import { exitAtOnce, whyNoReset } from '../host/own-process.ts';
import { isForbidden, survivorOf } from '../host/process-signals.ts';
import type { Written } from '../state/atomic-file.ts';
import type { Supervisor } from './supervisor.ts';

/** Whose requests are answered. */
export interface Answering {
  name: string;
  stateDir: string;
  supervisor: Supervisor;
  /** Takes the hold off the disk; says why that fails. */
  liftHold(): Written;
  /** Keeps who asked for what. */
  record?(kind: 'requested', text: string): void;
}

/** Answers a request at once; what it asks for begins with the answer and need not be over. */
export function answer(answering: Answering, request: Request, caller: Caller | null): Answer {
  const what = requestText(request, caller);
  if (request.verb !== 'status') answering.record?.('requested', what);
  const said = answered(answering, request, caller);
  if (!said.ok) answering.record?.('requested', `${what} refused: ${said.why}`);
  return said;
}

function requestText(request: Request, caller: Caller | null): string {
  const what = request.verb === 'signal' ? `signal ${request.signal}` : request.verb;
  const now = request.verb === 'stop' && request.now ? ' --now' : '';
  const claimed = request.from === undefined ? '' : ` by ${request.from}`;
  // What a caller says of itself is a claim: where it names another process, the kernel's word is added.
  const known = caller === null || claimed.includes(`(pid ${caller.pid}`);
  const by = known ? claimed : `${claimed}, in fact by process ${caller.pid} of user ${caller.uid}`;
  return `${what}${now} requested${by}`;
}

function answered(answering: Answering, request: Request, caller: Caller | null): Answer {
  const { name, stateDir, supervisor, liftHold } = answering;
  const { phase } = supervisor.state;
  const run = 'live' in phase ? phase.live : null;
  switch (request.verb) {
    case 'status':
      return { ok: true, phase: phase.kind };
    case 'stop':
      supervisor.take({ type: 'stop-requested', by: 'command', signal: null, now: request.now });
      return { ok: true };
    case 'restart': {
      const why = whyNoRestart(phase);
      if (why !== null) return { ok: false, why, exit: EXIT.usage };
      supervisor.take({ type: 'restart-requested', by: 'command' });
      return { ok: true };
    }
    case 'reset': {
      const of = run ?? supervisor.state.clearing;
      const mark = { runId: of?.runId ?? null, childPid: of?.pid ?? null, startTicks: of?.startTicks ?? null };
      const asker = caller ?? { pid: request.pid };
      const why =
        whyUnproved(phase, caller) ??
        whyNoReset(asker, { name, stateDir, ...mark }) ??
        (request.keepsKillHold ? whyKept(phase) : null) ??
        whyNotNow(phase, liftHold);
      if (why !== null) return { ok: false, why, exit: EXIT.usage };
      supervisor.take({ type: 'reset-requested', by: 'command' });
      return { ok: true };
    }
    case 'signal':
      if (run === null) return { ok: false, why: `no child to signal (phase: ${phase.kind})`, exit: EXIT.usage };
      if (isForbidden(run.pid))
        return { ok: false, why: `pid ${run.pid} ${survivorOf(run.pid).why}`, exit: EXIT.usage };
      supervisor.take({ type: 'signal-requested', by: 'command', signal: request.signal as Signal });
      return { ok: true, pid: run.pid };
    default:
      return request satisfies never;
  }
}

/** A claimed pid is good enough for a backoff, and not for the hold of a kill condition. */
function whyUnproved(phase: Phase, caller: Caller | null): string | null {
  const asked = caller !== null || phase.kind !== 'held' || phase.hold.cause !== 'kill-condition';
  return asked ? null : 'the caller cannot be identified (no node:ffi): stop the watcher, then run reset on a terminal';
}

/** A hold whose file cannot be read may be a kill condition's. */
function whyKept(phase: Phase): string | null {
  if (phase.kind !== 'held' || phase.hold.cause === 'max-restarts' || phase.hold.cause === 'hold-code') return null;
  return `held by its kill condition (${phase.hold.why}); only a person may clear it`;
}

/** A hold that stays on the disk binds whatever the machine says; one that is just coming cannot be lifted yet. */
function whyNotNow(phase: Phase, liftHold: () => Written): string | null {
  if (phase.kind === 'stopping' && phase.cause === 'kill-condition') {
    return 'its kill condition is stopping it at this moment; reset it once it is held';
  }
  if (phase.kind !== 'held') return null;
  const lifted = liftHold();
  return lifted.ok ? null : `the hold cannot be lifted: ${lifted.why}`;
}

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

/** After this many faults within an hour the watcher ends and its unit starts it anew: a fault at every turn would fill a log. */
const MOST_FAULTS = 100;
const FAULT_WINDOW_MS = 3_600_000;

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
  let since = monoNow();
  const said = (error: unknown) => {
    if (monoNow() - since > FAULT_WINDOW_MS) [faults, since] = [0, monoNow()];
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
