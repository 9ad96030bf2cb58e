import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { until } from './until.ts';
import { executable, testEnvironment } from './watcher.ts';

const fixture = resolve(import.meta.dirname, '../fixtures/in-terminal.py');

// The interpreter itself, not a version manager's shim in front of it; null where there is none.
const asked = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
export const python = asked.status === 0 ? asked.stdout.trim() : null;
export const withoutPython = python === null ? 'python3 is not here' : null;

/** A watcher in a terminal of its own, the keyboard and screen of which are ours. */
export interface Terminal {
  pid: number;
  /** Begins to read what the screen shows; before that it stalls, as after Ctrl-S. */
  read(): void;
  type(text: string): void;
  /** The window is closed. */
  hangUp(): void;
  screen(): Buffer;
  /** Exit code of the watcher, 128+n for a signal. */
  ended: Promise<number>;
}

/**
 * Starts `agent-watch ARGS` as the leader of a session whose controlling terminal is a new one. `streams`: 'terminal' gives it
 * as 0, 1 and 2; 'elsewhere' leaves them /dev/null and two files, as `nohup` with redirections does.
 */
export async function startInTerminal(
  folder: string,
  args: string[],
  streams: 'terminal' | 'elsewhere' = 'terminal',
): Promise<Terminal> {
  const screen = join(folder, 'screen');
  const child = spawn(python ?? '', [fixture, screen, streams, executable, ...args], {
    cwd: folder,
    env: testEnvironment(folder),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', text => {
    said += text;
  });
  const pid = await until('the terminal is there', () => Number(/^pid (\d+)$/m.exec(said)?.[1] ?? 0));
  const ended = new Promise<number>(done => {
    child.once('close', () => done(Number(/^exit (-?\d+)$/m.exec(said)?.[1] ?? Number.NaN)));
  });
  const tell = (line: string) => child.stdin.write(`${line}\n`);
  return {
    pid,
    read: () => tell('read'),
    type: text => tell(`type ${Buffer.from(text).toString('hex')}`),
    hangUp: () => tell('hangup'),
    screen: () => (existsSync(screen) ? readFileSync(screen) : Buffer.alloc(0)),
    ended,
  };
}
