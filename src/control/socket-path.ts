import { closeSync, constants, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** A Unix socket's address holds 108 bytes with the final NUL on Linux, 104 on macOS. */
const LIMIT_BYTES = process.platform === 'linux' ? 107 : 103;

/** A path by which a socket of a folder can be bound or reached, as long as it is not given up. */
export interface SocketPath {
  path: string;
  giveUp(): void;
}

/**
 * The path of a socket file, made short if the kernel would refuse it: through an open descriptor of the folder, or where
 * /proc is missing through a link in a private folder. Throws the system's error.
 */
export function socketPath(folder: string, file: string): SocketPath {
  const path = join(folder, file);
  if (Buffer.byteLength(path) <= LIMIT_BYTES) return { path, giveUp: () => undefined };
  return process.platform === 'linux' ? throughDescriptor(folder, file) : throughLink(folder, file);
}

function throughDescriptor(folder: string, file: string): SocketPath {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${file}`, giveUp: () => closeSync(fd) };
}

function throughLink(folder: string, file: string): SocketPath {
  const own = mkdtempSync('/tmp/agent-watch-');
  symlinkSync(folder, `${own}/d`);
  return { path: `${own}/d/${file}`, giveUp: () => rmSync(own, { recursive: true, force: true }) };
}
