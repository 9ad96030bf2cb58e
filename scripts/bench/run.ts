import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
export const executable = join(root, 'build/agent-watch');
export const pythonWatcher = join(root, 'scripts/bench/watcher.py');

/** The middle of the values, which one slow run does not move. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs `measure` so often, after one run that is not counted, and returns the median. */
export async function medianOf(times: number, measure: () => Promise<number>): Promise<number> {
  await measure();
  const values: number[] = [];
  for (let index = 0; index < times; index++) values.push(await measure());
  return median(values);
}

/** Gives `use` a folder that is gone afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-watch-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The command line that watches `command` with ours, state in `folder`. */
export function ours(folder: string, options: readonly string[], command: readonly string[]): string[] {
  return [executable, '--name', 'bench', '--state-dir', folder, '--quiet', ...options, '--', ...command];
}

/** Ms from the spawn until the n-th line came out; the process is ended then. */
export function untilLines(argv: readonly string[], lines: number): Promise<number> {
  const began = performance.now();
  const child = start(argv, 'pipe');
  let seen = 0;
  return new Promise(done => {
    child.stdout?.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 0x0a) seen++;
      if (seen < lines) return;
      const took = performance.now() - began;
      child.stdout?.removeAllListeners('data').resume();
      child.once('exit', () => done(took));
      child.kill('SIGTERM');
      seen = Number.NEGATIVE_INFINITY;
    });
  });
}

/** Ms from start to end of a shell pipeline. */
export function timed(script: string): Promise<number> {
  const began = performance.now();
  const child = start(['sh', '-c', script], 'ignore');
  return new Promise(done => child.once('exit', () => done(performance.now() - began)));
}

/** Until a program has ended by itself. */
export function untilEnd(argv: readonly string[]): Promise<void> {
  return new Promise(done => start(argv, 'ignore').once('exit', () => done()));
}

export function start(argv: readonly string[], stdout: 'pipe' | 'ignore'): ChildProcess {
  return spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', stdout, 'ignore'] });
}
