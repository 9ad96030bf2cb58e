import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

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
