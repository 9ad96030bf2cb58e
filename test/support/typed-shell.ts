import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { python } from './terminal.ts';
import { until } from './until.ts';
import { testEnvironment } from './watcher.ts';

const fixture = resolve(import.meta.dirname, '../fixtures/in-terminal.py');

/** Why there is no bash to type into, or null. */
export const withoutBash = spawnSync('bash', ['-c', 'true']).status === 0 ? null : 'bash is not here';

/** An interactive login shell in a terminal of its own. */
export interface TypedShell {
  /** Types a line and waits until the shell has run it. */
  run(line: string): Promise<void>;
  /** Types a line that ends the shell. */
  last(line: string): void;
  /** The window is closed. */
  hangUp(): void;
  screen(): string;
  ended: Promise<void>;
}

/** Opens a terminal with bash as its login shell, in the folder; it hangs up its jobs when it exits. */
export async function openShell(folder: string): Promise<TypedShell> {
  const screen = join(folder, 'screen');
  const bash = ['/bin/bash', '--noprofile', '--norc', '--login', '-i'];
  const child = spawn(python ?? '', [fixture, screen, 'terminal', ...bash], {
    cwd: folder,
    env: testEnvironment(folder, { PS1: '$ ', HISTFILE: undefined }),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>(done => child.once('close', () => done()));
  const shown = () => (existsSync(screen) ? readFileSync(screen, 'utf8') : '');
  const type = (text: string) => child.stdin.write(`type ${Buffer.from(`${text}\n`).toString('hex')}\n`);
  child.stdin.write('read\n');
  let lines = 0;
  const run = async (line: string) => {
    const mark = `done-${++lines}`;
    // Spelled apart, so that the echo of what was typed is not taken for its outcome.
    type(`${line}\necho done''-${lines}`);
    await until(`the shell has run: ${line}`, () => shown().includes(mark)).catch(error => {
      throw new Error(`${error.message}\n${shown()}`);
    });
  };
  await run('shopt -s huponexit');
  return { run, last: type, hangUp: () => child.stdin.write('hangup\n'), screen: shown, ended };
}
