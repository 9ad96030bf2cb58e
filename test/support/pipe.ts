import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

/** The reading end of a pipe of the kernel (what Node's spawn makes are sockets), of which nothing is read until `flow`. */
export interface RealPipe {
  /** For the other process; ours is to be closed once it has it. */
  writeFd: number;
  closeWriteEnd(): void;
  flow(take: (bytes: Buffer) => void): void;
  /** Goes away as a reader that dies does. */
  leave(): void;
  /** Resolves when all writers are gone. */
  end: Promise<void>;
}

/** Makes a pipe in the folder, which forgets its name at once. */
export function realPipe(folder: string): RealPipe {
  const path = join(folder, `pipe-${Math.random().toString(36).slice(2)}`);
  execFileSync('mkfifo', [path]);
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, constants.O_WRONLY);
  unlinkSync(path);
  const socket = new Socket({ fd: readFd, readable: true, writable: false });
  const end = new Promise<void>(resolve => socket.once('close', () => resolve()));
  return {
    writeFd,
    closeWriteEnd: () => closeSync(writeFd),
    flow: take => socket.on('data', take),
    leave: () => socket.destroy(),
    end,
  };
}
