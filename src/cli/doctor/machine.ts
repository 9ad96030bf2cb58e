import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { memoryCgroupOf } from '../../host/evidence/memory-cgroup.ts';
import { argumentsOf } from '../../host/process-facts.ts';
import { limitsOf } from '../../host/process-limits.ts';
import { type ProcessRow, readProcess, usersOf } from '../../host/process-table.ts';
import { type Finding, note, serious, well } from './finding.ts';
import { findProgram } from './programs.ts';

/** What holds for everything that is watched on this machine, or in this container. */
export async function lookAtMachine(
  env: Readonly<Record<string, string | undefined>>,
  table: readonly ProcessRow[],
): Promise<Finding[]> {
  if (findProgram('mkfifo', env['PATH'] ?? '/bin:/usr/bin', '/') === null)
    return [...(await onLinux(env, table)), noPipes()];
  return onLinux(env, table);
}

function noPipes(): Finding {
  return note(
    'mkfifo is not on the PATH: output goes through a socket, slower, and /dev/stdout cannot be opened',
    'install coreutils or busybox',
  );
}

async function onLinux(
  env: Readonly<Record<string, string | undefined>>,
  table: readonly ProcessRow[],
): Promise<Finding[]> {
  if (process.platform !== 'linux') return [];
  if (table.length === 0)
    return [serious('/proc cannot be read: what a command leaves behind is not found', 'mount -t proc proc /proc')];
  return [oomEvidence(), ...processRoom(table), ...(await initOf(env, table))];
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
  'docker run --init, init: true in Compose, tini as the entry point; shareProcessNamespace in Kubernetes';
const REAP_LOOK_MS = 300;
/** Each takes a place among the processes that the container or the user may have. */
const MANY_ZOMBIES = 100;

/** Something must be PID 1 that reaps what others leave: our program cannot, nor can most others. */
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
  const who = /agent-watch[^/]*$/.test(first)
    ? 'agent-watch is PID 1, which cannot reap'
    : `PID 1 (${first}) does not reap`;
  if (stay.length > 0) {
    const text = `${who} what others leave: ${stay.length} ended and not reaped so far`;
    return [stay.length < MANY_ZOMBIES ? note(text, INIT_CURE) : serious(text, INIT_CURE)];
  }
  if (!isContainer(env)) return [];
  if (/agent-watch[^/]*$/.test(first)) return [note(`${who} what its command leaves behind`, INIT_CURE)];
  return [well(`PID 1 of this container is ${first}`)];
}

function isContainer(env: Readonly<Record<string, string | undefined>>): boolean {
  const marks = [env['KUBERNETES_SERVICE_HOST'], env['container']];
  return marks.some(mark => mark !== undefined) || existsSync('/.dockerenv') || existsSync('/run/.containerenv');
}
