import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Exit, RunId } from '../core/model.ts';
import { type Libc, libc } from '../host/libc.ts';
import { reapExactly } from '../host/process-signals.ts';
import { type ProcessRow, readProcess } from '../host/process-table.ts';
import type { Cleanup, createSurvivorWatch } from './cleanup.ts';
import { newTree, type Tree } from './process-tree.ts';
import { PIPE_BYTES } from './reader.ts';

/** What a run is started with. */
export interface Launch {
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Becomes the child's descriptor 0; null: /dev/null. */
  stdinFd: number | null;
  /** The descriptors that become the child's 1 and 2; null: Node's own sockets. */
  outputFds: readonly [number, number] | null;
  /** A session of its own. Only a test says false. */
  detached: boolean;
}

/** A child that runs. */
export interface Launched {
  pid: number;
  /** Set where outputFds was null. */
  streams: { stdout: Readable; stderr: Readable } | null;
  onExit(listener: (exit: Exit) => void): void;
  /** Node's own kill: it knows whether the child was reaped. For systems where no start time is to be had. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a command as it is, without a shell. Returns the child once exec(2) has succeeded, or a promise of the error if it has not.
 * By node:child_process: stopping, time limits, buffering and decoding are ours, so execa would only add to the start.
 */
export function launch(spec: Launch): Launched | Promise<Error> {
  const [file = '', ...args] = spec.command;
  const [out, err] = spec.outputFds ?? (['pipe', 'pipe'] as const);
  try {
    const { cwd, env, detached } = spec;
    const child = spawn(file, args, { cwd, env, detached, stdio: [spec.stdinFd ?? nothing(), out, err] });
    if (child.pid === undefined) return new Promise(resolve => child.once('error', resolve));
    reapExactly(child);
    // A signal that could not be sent: whoever sends one looks at the process itself.
    child.on('error', () => {});
    // Only where nothing() was a pipe: the child finds its end.
    child.stdin?.destroy();
    return launched(child, child.pid);
  } catch (error) {
    // What is not told by an event is thrown: a NUL byte in an argument, more arguments than the kernel takes.
    return Promise.resolve(error as Error);
  }
}

let nullDevice: boolean | null = null;

/** What a child reads that is to read nothing. A bare root has no /dev/null, and a spawn with it would fail with ENOENT. */
function nothing(): 'ignore' | 'pipe' {
  nullDevice ??= existsSync('/dev/null');
  return nullDevice ? 'ignore' : 'pipe';
}

function launched(child: ChildProcess, pid: number): Launched {
  const { stdout, stderr } = child;
  return {
    pid,
    streams: stdout === null || stderr === null ? null : { stdout, stderr },
    onExit(listener) {
      child.once('exit', (code, signal) => listener({ code, signal }));
    },
    kill(signal) {
      child.kill(signal);
    },
  };
}

/** A pipe of the kernel: both ends are ours, the writing end is given to every run. */
export interface Pipe {
  /** Does not block. */
  readFd: number;
  /** Blocks, as the child expects of its output. */
  writeFd: number;
}

/**
 * Two real pipes; null where they cannot be made. What Node's spawn calls a pipe is a Unix socket, on which opening /dev/stdout fails and
 * small writes cost twice as much. We keep the writing ends: they serve all runs in order, and no end of file has to be awaited.
 */
export function openPipes(): [Pipe, Pipe] | null {
  const calls = libc();
  try {
    return calls === null ? null : [wide(calls), wide(calls)];
  } catch {
    // EMFILE, ENFILE: then a spawn fails too, and says so.
    return null;
  }
}

function wide(calls: Libc): Pipe {
  const pipe = calls.pipe();
  try {
    calls.enlargePipe(pipe.readFd, PIPE_BYTES);
  } catch {
    // EPERM: this user's pipes hold as much as they may in all. The kernel's own size does.
  }
  return pipe;
}

/** One life of the child, from its spawn until nothing of it is left. */
export interface Run {
  tree: Tree;
  /** null: a dead watcher's. */
  child: Launched | null;
  /** Monotonic ms; null: a dead watcher's. */
  spawnedAt: number | null;
  exited: boolean;
  /** What was found left at the moment of its end; null once that moment is over. */
  left: ProcessRow[] | null;
  clearing: Cleanup | null;
  /** Sees which of those that were signalled do not end. */
  notice: ReturnType<typeof createSurvivorWatch>;
}

/** A run just spawned. Its start time and group are read back from the system: no group is ever signalled on a guess. */
export function newRun(runId: RunId, child: Launched, spawnedAt: number): Omit<Run, 'notice'> {
  const tree = newTree(runId, child.pid, startTicksOf(child.pid));
  return { tree, child, spawnedAt, exited: false, left: null, clearing: null };
}

/** Null where it cannot be read: a run that is up is one nevertheless. */
export function startTicksOf(pid: number): number | null {
  try {
    return readProcess(pid)?.startTicks ?? null;
  } catch {
    // No descriptors left: the next look at the tree reads it.
    return null;
  }
}

/** What a dead watcher's state tells of its run. The caller has made sure that the machine was not booted since. */
export function orphanRun(runId: RunId, pid: number | null, startTicks: number | null): Omit<Run, 'notice'> {
  return {
    tree: newTree(runId, pid, startTicks),
    child: null,
    spawnedAt: null,
    exited: true,
    left: null,
    clearing: null,
  };
}
