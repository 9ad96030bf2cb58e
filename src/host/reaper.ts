/**
 * Takes in what our descendants leave behind: their orphans become our children instead of init's, and are reaped when they end. So no
 * zombie is left where nobody else reaps, as where we are PID 1, and what a run leaves stays in our part of the process tree.
 *
 * libuv reaps the children that it started, each by its pid, and would never notice an end that was collected elsewhere.
 * So theirs are left alone: node:diagnostics_channel tells of each. What must be told exactly is taken from libuv (`reapExactly`).
 */

import type { ChildProcess } from 'node:child_process';
import type { Signal } from '../core/model.ts';
import { signalName } from '../core/signals.ts';
import { timerMs } from '../core/time.ts';
import { type EndedChild, type Libc, libc } from './libc.ts';
import { deliver } from './process-signals.ts';

/** How long an ended child of libuv's is waited for at first, and at most, before the next look. */
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

/** Begins, for the rest of this process. To be called before anything is started. Returns false where libc cannot be called. */
export function adoptOrphans(): boolean {
  const calls = libc();
  if (calls === null) return false;
  try {
    calls.becomeSubreaper();
  } catch {
    // Linux before 3.4, or a filter of system calls. As PID 1 the watcher gets orphans anyway.
  }
  const isOwn = ownChildren();
  let timer: NodeJS.Timeout | null = null;
  let waitMs = FIRST_WAIT_MS;

  function reap(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    for (const [pid, tell] of taken) takeEnd(calls, pid, tell);
    for (let ended = calls?.peekEndedChild(); ended; ended = calls?.peekEndedChild()) {
      if (isOwn(ended.pid) || taken.has(ended.pid)) return again();
      calls?.reapChild(ended.pid);
      waitMs = FIRST_WAIT_MS;
    }
    waitMs = FIRST_WAIT_MS;
  }

  // The kernel shows the oldest one only, so what lies behind libuv's waits until libuv has had the same signal.
  function again(): void {
    timer = setTimeout(reap, waitMs).unref();
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }

  process.on('SIGCHLD', reap);
  reaping = true;
  return true;
}

let reaping = false;
/** Children that libuv no longer waits for, and who is told of their end. */
const taken = new Map<number, (ended: EndedChild) => void>();
/** An empty loop would end us: libuv's handle is no longer there to keep it. */
let keepsLoop: NodeJS.Timeout | null = null;

/** What of Node's handle of a process is used here; it is the same since its first version. */
interface ProcessHandle {
  onexit(code: number, signal: string): void;
  close(): void;
}

/**
 * Has a child that was started just now reaped here instead of by libuv, which tells a death by a real-time signal (34 to 64) as exit
 * code 0. Its events come as ever, with the right code or signal. Without libc nothing changes.
 */
export function reapExactly(child: ChildProcess): void {
  const { _handle: handle } = child as ChildProcess & { _handle?: ProcessHandle | null };
  const { pid } = child;
  if (!reaping || pid === undefined || typeof handle?.onexit !== 'function') return;
  const { onexit } = handle;
  // From here on libuv knows of no such child.
  handle.close();
  child.kill = signal => taken.has(pid) && deliver(pid, (signal ?? 'SIGTERM') as Signal) === 'sent';
  taken.set(pid, ({ code, signal }) => onexit.call(handle, code ?? 0, signal === null ? '' : signalName(signal)));
  keepsLoop ??= setInterval(() => {}, timerMs(Infinity));
}

function takeEnd(calls: Libc | null, pid: number, tell: (ended: EndedChild) => void): void {
  const ended = calls?.reapChild(pid);
  if (!ended) return;
  taken.delete(pid);
  if (taken.size === 0 && keepsLoop !== null) {
    clearInterval(keepsLoop);
    keepsLoop = null;
  }
  tell(ended);
}

// Told of before it is started: one that has no pid by the next look could not be started.
function ownChildren(): (pid: number) => boolean {
  const own = new Set<ChildProcess>();
  const forgetEnded = () => {
    for (const child of own)
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) own.delete(child);
  };
  const { subscribe } = process.getBuiltinModule('node:diagnostics_channel');
  subscribe('child_process', message => {
    forgetEnded();
    own.add((message as { process: ChildProcess }).process);
  });
  return pid => {
    forgetEnded();
    return [...own].some(child => child.pid === pid);
  };
}
