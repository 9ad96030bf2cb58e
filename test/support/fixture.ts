import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const fixtures = resolve(import.meta.dirname, '../fixtures');

/** The command line of a fixture written in TypeScript, run by the Node that runs the tests. */
export function fixtureCommand(file: string, args: readonly string[] = [], flags: readonly string[] = []): string[] {
  return [process.execPath, ...flags, `${fixtures}/${file}`, ...args];
}

/** Runs a fixture to its end and parses what it printed, with other commands in front of it (`setpriv …`). */
export function fixtureResult(file: string, args: readonly string[], before: readonly string[] = []): unknown {
  const [program = '', ...rest] = [...before, ...fixtureCommand(file, args)];
  const ended = spawnSync(program, rest, { encoding: 'utf8', timeout: 60_000 });
  if (ended.status !== 0) throw new Error(`${file}: ${ended.stderr}`);
  return JSON.parse(ended.stdout);
}

/** A fixture that answers each line it is told with one line. */
export interface Talker {
  process: ChildProcess;
  pid: number;
  tell(line: string): Promise<string>;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
}

/** Starts a fixture in front of which other commands may stand (`unshare -n`), and waits for its line `ready`. */
export async function startTalker(
  folder: string,
  file: string,
  before: readonly string[] = [],
  fixtureArgs: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<Talker> {
  const [program = '', ...args] = [...before, ...fixtureCommand(file, fixtureArgs, flags)];
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, AW_TEST_FOLDER: folder },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${file} ended`);
    return value;
  };
  const exit = once(child, 'exit');
  if ((await next()) !== 'ready') throw new Error(`${file} is not ready`);
  return {
    process: child,
    pid: child.pid ?? 0,
    tell: line => {
      child.stdin.write(`${line}\n`);
      return next();
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Why something cannot be done here that a test needs, or null: for `test.skipIf` and its name. */
export function missing(program: string, ...args: string[]): string | null {
  const tried = spawnSync(program, args, { stdio: 'ignore' });
  return tried.status === 0 ? null : `${[program, ...args].join(' ')} does not work here`;
}

/** A second user to be: needs root and setpriv. */
export const NOBODY = 65534;
export const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
export const noSecondUser =
  process.getuid?.() === 0 ? missing('setpriv', ...asNobody.slice(1), 'true') : 'only root can be a second user';

/** For a test's name: why it is skipped, if it is. */
export function because(reason: string | null): string {
  return reason === null ? '' : ` (skipped: ${reason})`;
}
