import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Status } from '../../src/core/status.ts';
import { until } from './until.ts';

const root = resolve(import.meta.dirname, '../..');

/** The built executable that the end-to-end tests run. */
export const executable = process.env['AGENT_WATCH_EXECUTABLE'] ?? resolve(root, 'build/agent-watch');
if (!existsSync(executable)) throw new Error(`${executable} is not there: npm run build makes it`);

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A started executable, with what it has said so far. */
export interface Watcher {
  process: ChildProcess;
  pid: number;
  out(): string;
  err(): string;
  ended: Promise<Ended>;
  /** Waits until its own lines or the child's stderr match. */
  said(pattern: RegExp): Promise<void>;
  printed(pattern: RegExp): Promise<void>;
}

export interface Start {
  cwd?: string;
  env?: Record<string, string | undefined>;
  stdio?: StdioOptions;
  input?: string | Buffer;
  /** A command line in front of it: `unshare -m …`. */
  before?: readonly string[];
  /** What is run in the place of the executable: a Node and the bundle. */
  program?: readonly string[];
}

/** The environment in which everything of a test runs: its state folder, and the mark by which leftovers are found. */
export function testEnvironment(folder: string, extra: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    AGENT_WATCH_STATE_DIR: `${folder}/state`,
    AW_TEST_FOLDER: folder,
    NODE_OPTIONS: undefined,
    ...extra,
  };
}

/** Starts `agent-watch ARGS`, state under `folder`. */
export function startWatcher(folder: string, args: string[], start: Start = {}): Watcher {
  const [program = executable, ...rest] = [...(start.before ?? []), ...(start.program ?? [executable]), ...args];
  const child = spawn(program, rest, {
    cwd: start.cwd ?? folder,
    env: testEnvironment(folder, start.env),
    stdio: start.stdio ?? [start.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const chunks = { out: [] as Buffer[], err: [] as Buffer[] };
  child.stdout?.on('data', chunk => chunks.out.push(chunk));
  child.stderr?.on('data', chunk => chunks.err.push(chunk));
  if (start.input !== undefined) child.stdin?.end(start.input);
  const out = () => Buffer.concat(chunks.out).toString();
  const err = () => Buffer.concat(chunks.err).toString();
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done({ code, signal }));
  });
  const wait = async (read: () => string, pattern: RegExp) => {
    await until(`${pattern}`, () => pattern.test(read())).catch(error => {
      throw new Error(`${error.message}\n--- stdout\n${out().slice(-2000)}\n--- stderr\n${err().slice(-2000)}`);
    });
  };
  return {
    process: child,
    pid: child.pid ?? -1,
    out,
    err,
    ended,
    said: pattern => wait(err, pattern),
    printed: pattern => wait(out, pattern),
  };
}

/** Runs `agent-watch ARGS` to its end. */
export function run(
  folder: string,
  args: string[],
  start: Start = {},
): { code: number | null; out: string; err: string } {
  const [program = executable, ...rest] = [...(start.before ?? []), executable, ...args];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    cwd: start.cwd ?? folder,
    env: testEnvironment(folder, start.env),
    input: start.input ?? '',
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  return { code: status, out: stdout.toString(), err: stderr.toString() };
}

/** `status --json` of one name. */
export function statusOf(folder: string, name: string): Status {
  const { out, err } = run(folder, ['status', name, '--json']);
  const rows = out === '' ? [] : (JSON.parse(out) as Status[]);
  const row = rows[0];
  if (row === undefined) throw new Error(`no status of ${name}: ${err}`);
  return row;
}

/** Waits until the name is in that phase. A look starts a program: there is one when the state file has changed, and twice a second. */
export function phaseIs(folder: string, name: string, phase: Status['phase']): Promise<Status> {
  const file = `${folder}/state/${name}/state.json`;
  let seen: number | undefined = Number.NaN;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return until(`${name} is ${phase}`, () => {
    const changedAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (changedAt === seen && performance.now() - lookedAt < 500) return false;
    [seen, lookedAt] = [changedAt, performance.now()];
    const { out } = run(folder, ['status', name, '--json']);
    const row = out === '' ? undefined : (JSON.parse(out) as Status[])[0];
    return row?.phase === phase ? row : false;
  });
}
