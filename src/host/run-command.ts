/**
 * A command line of the user's own, run by `/bin/sh -c` in a group of its own. What we want to tell it goes through its
 * standard input: nothing that we know ever becomes part of the line.
 */
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { timerMs } from '../core/units.ts';
import { shedRunMark } from './own-process.ts';
import { reapExactly, signalGroup } from './process-signals.ts';
import { readProcess } from './process-table.ts';

/** What is run, and how much patience there is. */
export interface ShellOrder {
  readonly command: string;
  readonly input: string | Uint8Array;
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
  /** The last 2 KiB of both, in order of arrival. */
  readonly lastOutput: string;
  readonly over: 'time' | 'size' | 'aborted' | null;
}

// Between the polite signal and the last one.
const graceMs = 1000;
// How long after the exit more output is read: what it left in the background may hold the pipe for ever.
const drainMs = 200;
const complaintBytes = 2048;

/**
 * execa, loaded at the first use: a plain watcher needs none. It looks at process.stdin when it is loaded and at every call, at which
 * Node would take hold of an input that is the child's and make it non-blocking for all who share it. So it finds an empty one.
 * What it would find as process.stdout and process.stderr, the sinks have replaced in a watcher for the same reason.
 */
async function loadExeca(): Promise<typeof import('execa').execa> {
  const { Readable } = await import('node:stream');
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([]) });
  return (await import('execa')).execa;
}

const SHELL = '/bin/sh';
/** What a program says and how it ends is followed here: execa gathers, ends and prints nothing. */
const WE_FOLLOW = { buffer: false, cleanup: false, reject: false, verbose: 'none' } as const;

const notStarted = (file: string, { code }: { code?: string | undefined }): string =>
  `${file} could not be started${code === undefined ? '' : ` (${code})`}`;

/** Runs it to its end, or to ours. Rejects only if no shell could be started. */
export async function runShell(order: ShellOrder): Promise<ShellEnd> {
  const execa = await loadExeca();
  const subprocess = execa(SHELL, ['-c', order.command], {
    cwd: order.cwd,
    env: defined(order.env),
    extendEnv: false,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...WE_FOLLOW,
  });
  const child = subprocess.nodeChildProcess;
  if (child.pid === undefined) throw new Error(notStarted(SHELL, await subprocess));
  reapExactly(child);
  return await follow(order, child, child.pid);
}

function follow(order: ShellOrder, child: ChildProcess, pid: number): Promise<ShellEnd> {
  let over: ShellEnd['over'] = null;
  let giveUp = () => {};
  const timers: NodeJS.Timeout[] = [];
  const later = (delayMs: number, act: () => void) => timers.push(setTimeout(act, delayMs));
  const end = (why: NonNullable<ShellEnd['over']>) => {
    if (over !== null) return;
    over = why;
    endGroup(pid, why === 'aborted' ? 'SIGKILL' : 'SIGTERM');
    later(graceMs, () => endGroup(pid, 'SIGKILL'));
    // What does not end on SIGKILL (a dead disk, another user's) is not waited for.
    later(3 * graceMs, () => giveUp());
  };
  const output = gather(child, order.outputLimitBytes, () => {
    if (order.dropRest !== true) end('size');
  });
  const onAbort = () => end('aborted');
  later(timerMs(order.timeLimitMs), () => end('time'));
  order.abort?.addEventListener('abort', onAbort);
  if (order.abort?.aborted) onAbort();
  // EPIPE: it need not read what it is told.
  child.stdin?.on('error', () => {});
  child.stdin?.end(order.input);
  return new Promise(settle => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      for (const timer of timers) clearTimeout(timer);
      order.abort?.removeEventListener('abort', onAbort);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      settle({ code, signal, ...output(), over });
    };
    giveUp = () => finish(null, null);
    child.once('exit', (code, signal) => {
      // What it left behind stays if it ended by itself (a user may mean that), and goes if it outlived its time.
      if (over !== null) endGroup(pid, 'SIGKILL');
      child.once('close', () => finish(code, signal));
      later(drainMs, () => finish(code, signal));
    });
  });
}

function gather(child: ChildProcess, limitBytes: number, onFull: () => void) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let complaint = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  const withLast = (chunk: Buffer) => {
    last = Buffer.concat([last, chunk.subarray(-complaintBytes)]).subarray(-complaintBytes);
  };
  child.stdout?.on('data', withLast);
  child.stderr?.on('data', withLast);
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limitBytes) chunks.push(chunk);
    else onFull();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = Buffer.concat([complaint, chunk]).subarray(-complaintBytes);
  });
  return () => ({
    output: Buffer.concat(chunks).toString('utf8'),
    complaint: complaint.toString('utf8'),
    lastOutput: last.toString('utf8'),
  });
}

// If detaching failed, its group is another one's.
function endGroup(pid: number, signal: NodeJS.Signals): void {
  const row = readProcess(pid);
  if (row === null || row.group === pid) signalGroup(pid, signal);
}

function defined(env: ShellOrder['env']): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) set[name] = value;
  return set;
}

/** How a tool of the system ended: its code, null if it could not be started, and what it said. */
export interface ToolEnd {
  readonly code: number | null;
  readonly output: string;
  readonly complaint: string;
}

/** Runs a tool such as systemctl to its end, with the environment that we have. Never rejects. */
export async function runTool(command: readonly string[], input: string | null = null): Promise<ToolEnd> {
  const [file = '', ...args] = command;
  const execa = await loadExeca();
  const subprocess = execa(file, args, {
    stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...WE_FOLLOW,
  });
  const child = subprocess.nodeChildProcess;
  let output = '';
  let complaint = '';
  child.stdout?.setEncoding('utf8').on('data', text => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', text => {
    complaint += text;
  });
  // EPIPE: it need not read what it is told.
  child.stdin?.on('error', () => {});
  if (input !== null) child.stdin?.end(input);
  const closed = child.pid === undefined ? null : new Promise<void>(resolve => child.once('close', () => resolve()));
  const result = await subprocess;
  await closed;
  if (child.pid === undefined) return { code: null, output, complaint: `${file} was not found` };
  return { code: result.exitCode ?? 255, output, complaint };
}

/** A program set loose, and what can be heard of it while we listen. */
export interface Detached {
  /** Its standard error, until we go. */
  stderr: Readable;
  /** What it writes to its descriptor 3. Ends when it closes it, or dies. */
  report: Readable;
}

/**
 * Starts a program in a session of its own, with nothing to read and nobody to write to. It is started by a shell that ends at once,
 * and without the mark of a run that we are part of: so a watcher that ends this run does not find it among our descendants.
 * Without a shell it stays our child until we end. Returns why it cannot be started, as a text.
 */
export async function startDetached(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Detached | string> {
  shedRunMark();
  const whole = existsSync(SHELL) ? [SHELL, '-c', '"$@" &', 'sh', ...command] : command;
  const [file = '', ...args] = whole;
  const execa = await loadExeca();
  const subprocess = execa(file, args, {
    env,
    extendEnv: false,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
    ...WE_FOLLOW,
  });
  const child = subprocess.nodeChildProcess;
  if (child.pid === undefined) return notStarted(file, await subprocess);
  const [, , stderr, report] = child.stdio;
  return { stderr: stderr as Readable, report: report as Readable };
}

/** Where a program is found as execvp(3) would find it; null: nowhere. `path`: a PATH; `cwd`: for what is relative. */
export function findProgram(program: string, path: string, cwd: string): string | null {
  const folders = program.includes('/') ? [''] : path.split(':');
  return folders.map(folder => resolve(cwd, folder, program)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not for us.
    return false;
  }
}
