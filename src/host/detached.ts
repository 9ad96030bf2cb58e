import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { execa } from 'execa';

/** A program set loose, and what can be heard of it while we listen. */
export interface Detached {
  /** Its standard error, until we go. */
  stderr: Readable;
  /** What it writes to its descriptor 3. Ends when it closes it, or dies. */
  report: Readable;
}

const SHELL = '/bin/sh';

/**
 * Starts a program in a session of its own, with nothing to read and nobody to write to. It is started by a shell that ends at once:
 * so its parent is init, and whoever collects our descendants (a watcher that ends a run we are part of) does not find it among them.
 * Without a shell it stays our child until we end. Returns why it cannot be started, as a text.
 */
export async function startDetached(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Detached | string> {
  const whole = existsSync(SHELL) ? [SHELL, '-c', '"$@" &', 'sh', ...command] : command;
  const [file = '', ...args] = whole;
  const subprocess = execa(file, args, {
    env,
    extendEnv: false,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
    buffer: false,
    cleanup: false,
    reject: false,
    verbose: 'none',
  });
  const child = subprocess.nodeChildProcess;
  if (child.pid === undefined) {
    const result = await subprocess;
    return `${file} could not be started${'code' in result && result.code !== undefined ? ` (${result.code})` : ''}`;
  }
  const [, , stderr, report] = child.stdio;
  return { stderr: stderr as Readable, report: report as Readable };
}
