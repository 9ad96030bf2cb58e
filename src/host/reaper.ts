/**
 * Takes in what our descendants leave behind: their orphans become our children instead of init's, and are reaped when they end. So no
 * zombie is left where nobody else reaps, as where we are PID 1, and what a run leaves stays in our part of the process tree.
 *
 * libuv reaps the children that it started, each by its pid, and would never notice an end that somebody else has collected.
 * So theirs are left alone: node:diagnostics_channel tells of each.
 */
import type { ChildProcess } from 'node:child_process';
import { libc } from './libc.ts';

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
    // Linux before 3.4, or a filter of system calls. As PID 1 orphans come to us all the same.
  }
  const isOwn = ownChildren();
  let timer: NodeJS.Timeout | null = null;
  let waitMs = FIRST_WAIT_MS;

  function reap(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    for (let ended = calls?.peekEndedChild(); ended; ended = calls?.peekEndedChild()) {
      if (isOwn(ended.pid)) return again();
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
  return true;
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
