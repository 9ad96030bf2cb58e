import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { execa, type Options } from 'execa';
import type { Exit } from '../core/model.ts';

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

// execa takes any descriptor, but its types name only the first ten.
type SomeFd = 3 | 'pipe';

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
 * Everything of execa that would stop, time out, buffer or decode is off: that is ours.
 */
export function launch(spec: Launch): Launched | Promise<Error> {
  const [file = '', ...args] = spec.command;
  const [out, err] = (spec.outputFds ?? ['pipe', 'pipe']) as [SomeFd, SomeFd];
  try {
    const options: Options = {
      cwd: spec.cwd,
      env: spec.env,
      extendEnv: false,
      stdio: [(spec.stdinFd ?? nothing()) as 0 | 'ignore', out, err],
      detached: spec.detached,
      buffer: false,
      cleanup: false,
      reject: false,
      stripFinalNewline: false,
      verbose: 'none',
    };
    const subprocess = execa(file, args, options);
    const child = subprocess.nodeChildProcess;
    if (child.pid === undefined) return subprocess.then(result => causeOf(result));
    // Only where nothing() was a pipe: the child finds its end.
    child.stdin?.destroy();
    return launched(child, child.pid);
  } catch (error) {
    // Arguments that no exec can take, such as a NUL byte, are thrown.
    return Promise.resolve(error as Error);
  }
}

let nullDevice: boolean | null = null;

/** What a child reads that is to read nothing. A bare root has no /dev/null, and a spawn with it would fail with ENOENT. */
function nothing(): 'ignore' | 'pipe' {
  nullDevice ??= existsSync('/dev/null');
  return nullDevice ? 'ignore' : 'pipe';
}

// execa wraps what the system said in an error of its own.
function causeOf(result: object): Error {
  const cause = 'cause' in result ? result.cause : result;
  return cause instanceof Error ? cause : new Error('the command could not be started');
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

/** A pipe of the kernel without a name: both ends are ours, the writing end is given to every run. */
export interface Pipe {
  /** Does not block. */
  readFd: number;
  /** Blocks, as the child expects of its output. */
  writeFd: number;
}

/**
 * Two real pipes, or why there are none. Node has no pipe(2): its spawn gives the child a Unix socket, on which opening
 * /dev/stdout fails and small writes cost twice as much. So mkfifo(1) makes two, which lose their names once they are open.
 * We keep the writing ends: they serve all runs in order, and nobody has to wait for an end of file.
 */
export async function openPipes(
  folders: readonly string[] = [tmpdir(), '/dev/shm'],
): Promise<[Pipe, Pipe] | { why: string }> {
  let why = 'no folder to make them in';
  for (const folder of folders) {
    try {
      return await openIn(folder);
    } catch (error) {
      why = (error as Error).message;
    }
  }
  return { why };
}

async function openIn(parent: string): Promise<[Pipe, Pipe]> {
  // 0700, with a random name: between making and opening, nobody else can put a hand on them.
  const folder = mkdtempSync(join(parent, '.agent-watch-'));
  try {
    const [out, err] = [join(folder, 'out'), join(folder, 'err')];
    const options = {
      stdio: 'ignore',
      cwd: '/',
      buffer: false,
      cleanup: false,
      reject: false,
      verbose: 'none',
    } as const;
    const { exitCode } = await execa('mkfifo', ['-m', '600', out, err], options);
    if (exitCode !== 0) throw new Error(exitCode === undefined ? 'mkfifo is not here' : `mkfifo failed in ${parent}`);
    return [openPipe(out), openPipe(err)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// The reading end first: opening the other one would wait for it.
function openPipe(path: string): Pipe {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return { readFd, writeFd: openSync(path, constants.O_WRONLY) };
  } catch (error) {
    closeSync(readFd);
    throw error;
  }
}
