import { closeSync, existsSync, readSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { memoryCgroupOf } from '../../host/cgroup.ts';
import { whyNoLibc } from '../../host/libc.ts';
import { isExecutable } from '../../host/own-process.ts';
import { hasProc } from '../../host/proc-text.ts';
import { argumentsOf, limitsOf } from '../../host/process-facts.ts';
import { type ProcessRow, readProcess, usersOf } from '../../host/process-table.ts';
import { openRegularSync } from '../../host/read-file.ts';
import { type Finding, note, serious, well } from './finding.ts';

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
  if (memoryCgroupOf('self') !== null) return well('the kernel tells when it kills for want of memory');
  return note(
    'no cgroup tells when the kernel kills for want of memory: such an end is only suspected',
    'mount /sys/fs/cgroup here, read-only will do',
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
      `${mine} of the ${processes} processes that this user may have are there`,
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
