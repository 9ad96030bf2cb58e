import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { testEnvironment } from './watcher.ts';

/** A program with a watcher in it somewhere (a pipeline, a namespace), and what it has said so far. */
export interface Heard {
  process: ChildProcess;
  said: { out: string; err: string };
  /** Resolves with the exit code when nobody holds its outputs any more. */
  closed: Promise<number | null>;
}

/** Starts a program in the folder, with the environment of the tests and nothing to read. */
export function heard(folder: string, program: string, args: readonly string[]): Heard {
  const started = spawn(program, args, {
    cwd: folder,
    env: testEnvironment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  started.stdout.on('data', text => {
    said.out += text;
  });
  started.stderr.on('data', text => {
    said.err += text;
  });
  return { process: started, said, closed: once(started, 'close').then(([code]) => code) };
}
