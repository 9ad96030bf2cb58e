/**
 * A command line of the user's own, run by `/bin/sh -c` in a group of its own. What we want to tell it goes through its
 * standard input: nothing of ours ever becomes part of the line.
 */
import type { ChildProcess } from 'node:child_process';
import { execa } from 'execa';
import { signalGroup } from './process-signals.ts';
import { readProcess } from './process-table.ts';

/** What is run, and how much patience there is. */
export interface ShellOrder {
  readonly command: string;
  readonly input: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeLimitMs: number;
  /** Of standard output; of standard error the last 2 KiB are kept. */
  readonly outputLimitBytes: number;
  /** What is above the limit is read and forgotten; else the command is ended for it. */
  readonly dropRest?: boolean;
  readonly abort: AbortSignal | null;
}

/** How it ended. `over`: what we ended it for, null if it ended by itself. */
export interface ShellEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly complaint: string;
  readonly over: 'time' | 'size' | 'aborted' | null;
}

// Between the polite signal and the last one.
const graceMs = 1000;
// How long after the exit more output is read: what it left in the background may hold the pipe for ever.
const drainMs = 200;
const complaintBytes = 2048;
// Node fires a longer timer at once.
const longestTimerMs = 2 ** 31 - 1;

/** Runs it to its end, or to ours. Rejects only if no shell could be started. */
export function runShell(order: ShellOrder): Promise<ShellEnd> {
  const subprocess = execa('/bin/sh', ['-c', order.command], {
    cwd: order.cwd,
    env: defined(order.env),
    extendEnv: false,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    buffer: false,
    cleanup: false,
    reject: false,
    verbose: 'none',
  });
  const child = subprocess.nodeChildProcess;
  if (child.pid === undefined)
    return subprocess.then(result => {
      throw new Error(`/bin/sh could not be started (${'code' in result ? result.code : 'no reason given'})`);
    });
  return follow(order, child, child.pid);
}

function follow(order: ShellOrder, child: ChildProcess, pid: number): Promise<ShellEnd> {
  let over: ShellEnd['over'] = null;
  const timers: NodeJS.Timeout[] = [];
  const later = (delayMs: number, act: () => void) => timers.push(setTimeout(act, delayMs));
  const end = (why: NonNullable<ShellEnd['over']>) => {
    if (over !== null) return;
    over = why;
    endGroup(pid, why === 'aborted' ? 'SIGKILL' : 'SIGTERM');
    later(graceMs, () => endGroup(pid, 'SIGKILL'));
  };
  const output = gather(child, order.outputLimitBytes, () => {
    if (order.dropRest !== true) end('size');
  });
  const onAbort = () => end('aborted');
  later(Math.min(order.timeLimitMs, longestTimerMs), () => end('time'));
  order.abort?.addEventListener('abort', onAbort);
  if (order.abort?.aborted) onAbort();
  // EPIPE: it need not read what it is told.
  child.stdin?.on('error', () => {});
  child.stdin?.end(order.input);
  return new Promise(resolve => {
    child.once('exit', (code, signal) => {
      // What it left behind stays if it ended by itself (a user may mean that), and goes if it outlived its time.
      if (over !== null) endGroup(pid, 'SIGKILL');
      const finish = () => {
        for (const timer of timers) clearTimeout(timer);
        order.abort?.removeEventListener('abort', onAbort);
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
        resolve({ code, signal, ...output(), over });
      };
      child.once('close', finish);
      later(drainMs, finish);
    });
  });
}

function gather(child: ChildProcess, limitBytes: number, onFull: () => void) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let complaint = Buffer.alloc(0);
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limitBytes) chunks.push(chunk);
    else onFull();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = Buffer.concat([complaint, chunk]).subarray(-complaintBytes);
  });
  return () => ({ output: Buffer.concat(chunks).toString('utf8'), complaint: complaint.toString('utf8') });
}

// If detaching failed, its group is somebody else's.
function endGroup(pid: number, signal: NodeJS.Signals): void {
  const row = readProcess(pid);
  if (row === null || row.group === pid) signalGroup(pid, signal);
}

function defined(env: ShellOrder['env']): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) set[name] = value;
  return set;
}
