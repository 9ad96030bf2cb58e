import { closeSync, existsSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import type { Status } from '../../core/status.ts';
import { whyNoLibc } from '../../host/libc.ts';
import { isExecutable } from '../../host/own-process.ts';
import { argumentsOf, environmentOf, limitsOf } from '../../host/process-facts.ts';
import { type ProcessRow, readProcess, usersOf } from '../../host/process-table.ts';
import { hasProc, openRegularSync } from '../../host/read-file.ts';
import { memoryCgroupOf } from '../../host/resource-limits.ts';
import type { RecordedRun } from '../../state/lock-record.ts';
import { readService } from '../../state/read-status.ts';
import type { Settings } from '../arguments/invocation.ts';
import { readStatus } from '../commands/status.ts';
import { ownEnvironment } from '../environment.ts';
import { unitPath } from '../service/plan.ts';

/** One thing that was looked at, in a sentence. */
export interface Finding {
  readonly what: string;
  /** What to do about it; null: nothing is wrong. */
  readonly cure: string | null;
  /** It will cost the user something, as things stand. */
  readonly serious: boolean;
}

export const well = (what: string): Finding => ({ what, cure: null, serious: false });
export const note = (what: string, cure: string): Finding => ({ what, cure, serious: false });
export const serious = (what: string, cure: string): Finding => ({ what, cure, serious: true });

/** What an installed unit says. */
export interface Unit {
  readonly path: string;
  /** Of the watcher's own program. */
  readonly program: string;
  /** The PATH that it sets; null: systemd's own. */
  readonly searched: string | null;
}

/** What services get where their unit sets no PATH. Source: systemd.exec(5). */
const SYSTEMD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';

/** The unit of a name, the system's or this user's; null: none is installed. */
function installedUnit(name: string): Unit | null {
  for (const scope of ['system', 'user'] as const) {
    const path = placeOf(name, scope);
    const text = path === null ? null : textOf(path);
    if (path !== null && text !== null) return { path, ...readUnit(text) };
  }
  return null;
}

function placeOf(name: string, scope: 'system' | 'user'): string | null {
  try {
    return unitPath(name, scope);
  } catch {
    // No HOME, and no such user in /etc/passwd: then there are no units of this user's either.
    return null;
  }
}

/** The PATH under which the unit's command is looked for. */
export const pathOf = (unit: Unit): string => unit.searched ?? SYSTEMD_PATH;

/** Reads the two lines that matter, as `install` writes them. */
function readUnit(text: string): Omit<Unit, 'path'> {
  const exec = /^ExecStart=(?:"((?:[^"\\]|\\.)*)"|(\S+))/m.exec(text);
  const path = /^Environment=(?:"PATH=((?:[^"\\]|\\.)*)"|PATH=(\S*))/m.exec(text);
  return {
    program: unquoted(exec?.[1] ?? exec?.[2] ?? ''),
    searched: path === null ? null : unquoted(path[1] ?? path[2] ?? ''),
  };
}

function unquoted(text: string): string {
  return text.replace(/\\(.)/g, '$1').replaceAll('%%', '%');
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // ENOENT: not installed. EACCES: not for us to see.
    return null;
  }
}

/** One name, with all that can be found out about it from outside. */
export interface Subject {
  readonly name: string;
  readonly folder: string;
  readonly status: Status;
  /** Where the command runs. */
  readonly cwd: string;
  /** What is wrong with its state file; null: nothing. */
  readonly fault: string | null;
  /** The run that is up, or that a dead watcher may have left. */
  readonly run: RecordedRun | null;
  /** The live watcher's pid. */
  readonly watcher: number | null;
  /** The environment of the live watcher, or where there is none, ours. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the live watcher was told to do; null where that cannot be known. */
  readonly settings: Settings | null;
  readonly unit: Unit | null;
}

/** Null for a folder that holds nothing of a watcher. */
export async function subjectOf(stateDir: string, name: string): Promise<Subject | null> {
  const status = readStatus(stateDir, name);
  if (status === null) return null;
  const { folder, fault, record, state } = readService<Snapshot>(stateDir, name, readSnapshot, () => true);
  const known = record === null || record === 'unreadable' ? null : record;
  const run = known === null || known.run === 'unknown' ? null : known.run;
  const watcher = status.watcherPid;
  const env = watcher === null ? null : environmentOf(watcher);
  return {
    ...{ name, folder, status, fault, run, watcher },
    cwd: state?.cwd ?? '/',
    env: env ?? process.env,
    settings: watcher === null || env === null ? null : await settingsOf(watcher, env),
    unit: installedUnit(name),
  };
}

/** What a live watcher was told, read from its own command line and environment by the parser that read it first. */
async function settingsOf(pid: number, env: Record<string, string>): Promise<Settings | null> {
  const words = argumentsOf(pid);
  // Under a Node of the machine's, the script is the second word.
  const from = words[1]?.endsWith('agent-watch.cjs') ? 2 : 1;
  const { parse } = await import('../arguments/parse.ts');
  try {
    const here = { ...ownEnvironment(), env, pid, cwd: env['PWD'] ?? '/' };
    const invocation = await parse(words.slice(from), here);
    return invocation.kind === 'watch' ? invocation.settings : null;
  } catch {
    // Its file was changed or moved since, or it is another version: then less can be said.
    return null;
  }
}

/**
 * What a script's first line asks for: the program that `env` looks for on the PATH, or an absolute one. Null for what is no
 * script, or cannot be read.
 */
export function interpreterOf(path: string): string | null {
  const words = firstLine(path)?.match(/^#!\s*(\S+)(?:\s+(.*\S))?/);
  if (!words) return null;
  const [, program = '', rest = ''] = words;
  if (!program.endsWith('/env')) return program;
  return rest.split(/\s+/).find(word => !word.startsWith('-') && !word.includes('=')) ?? null;
}

/** The kernel reads 256 bytes of it at most. */
const SHEBANG_BYTES = 256;

function firstLine(path: string): string | null {
  try {
    const fd = openRegularSync(path);
    try {
      const bytes = Buffer.alloc(SHEBANG_BYTES);
      return bytes.toString('latin1', 0, readSync(fd, bytes)).split('\n', 1)[0] ?? null;
    } finally {
      closeSync(fd);
    }
  } catch {
    // Executable and not readable: then it is no script, for which reading is needed.
    return null;
  }
}

/** What holds for everything that is watched on this machine, or in this container. */
export async function lookAtMachine(
  env: Readonly<Record<string, string | undefined>>,
  table: readonly ProcessRow[],
): Promise<Finding[]> {
  if (process.platform !== 'linux') return runtime();
  if (!hasProc)
    return [serious('/proc cannot be read: what a command leaves behind is not found', 'mount -t proc proc /proc')];
  return [...runtime(), ...kernelCalls(), oomEvidence(), ...processRoom(table), ...(await initOf(env, table))];
}

/** What the bundle under a Node of the machine's costs, and what steers that Node. */
function runtime(): Finding[] {
  if (isExecutable()) return [];
  const costs = 'each start takes about twice as long, and NODE_OPTIONS acts on the watcher too';
  const what = `running under Node ${process.version} (${process.execPath}) instead of the executable: ${costs}`;
  return [note(what, 'on Linux with glibc, install it with its optional dependencies, or use the archive or the .deb')];
}

/** What is lost where the kernel cannot be asked at first hand; all else works. */
function kernelCalls(): Finding[] {
  const why = whyNoLibc();
  if (why === null) return [];
  const lost =
    'a daemon that empties its environment is not found, orphans are not reaped, a death by a real-time signal (34 to 64) looks like exit code 0, systemd is not told, and the command writes into a socket: slower, and it cannot open /dev/stdout';
  return [
    note(`system calls are not available (${why}): ${lost}`, 'use the executable, or Node 26 without --permission'),
  ];
}

function oomEvidence(): Finding {
  if (memoryCgroupOf('self') !== null) return well('the kernel reports out-of-memory kills');
  return note(
    'no cgroup reports out-of-memory kills: such an exit is only suspected',
    'mount /sys/fs/cgroup here; read-only is enough',
  );
}

function processRoom(table: readonly ProcessRow[]): Finding[] {
  const { processes } = limitsOf('self');
  const me = process.getuid?.();
  // Root is not bound by it.
  if (processes === null || me === undefined || me === 0) return [];
  const mine = table.filter(({ pid }) => usersOf(pid)?.real === me).length;
  if (mine < processes * 0.8) return [];
  return [
    serious(
      `${mine} of the ${processes} processes that this user may have are in use`,
      'ulimit -u, or LimitNPROC= in the unit',
    ),
  ];
}

const INIT_CURE =
  'agent-watch as the entry point, docker run --init, init: true in Compose, shareProcessNamespace in Kubernetes';
const REAP_LOOK_MS = 300;
/** Each takes a place among the processes that the container or the user may have. */
const MANY_ZOMBIES = 100;

/** Something must be PID 1 that reaps what others leave: most programs do not. */
async function initOf(
  env: Readonly<Record<string, string | undefined>>,
  table: readonly ProcessRow[],
): Promise<Finding[]> {
  const left = table.filter(({ dead, parent }) => dead && parent === 1);
  if (left.length > 0) await pause(REAP_LOOK_MS);
  const stay = left.filter(({ pid, startTicks }) => {
    const now = readProcess(pid);
    return now?.dead === true && now.startTicks === startTicks;
  });
  const [first = ''] = argumentsOf(1);
  if (stay.length > 0) {
    const text = `PID 1 (${first}) does not reap orphans: ${stay.length} zombies so far`;
    return [stay.length < MANY_ZOMBIES ? note(text, INIT_CURE) : serious(text, INIT_CURE)];
  }
  return isContainer(env) ? [well(`PID 1 of this container is ${first}`)] : [];
}

function isContainer(env: Readonly<Record<string, string | undefined>>): boolean {
  const marks = [env['KUBERNETES_SERVICE_HOST'], env['container']];
  return marks.some(mark => mark !== undefined) || existsSync('/.dockerenv') || existsSync('/run/.containerenv');
}
