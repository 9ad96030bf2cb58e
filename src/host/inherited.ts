/**
 * What our caller gave us to pass on, and Node would change: descriptors beside the three streams, and the limit of open files.
 *
 * Node marks the descriptors that it finds at its start as closed on exec, up to the first gap: one that was given on purpose
 * (`3<secret`) would never reach the command, and one behind a gap (flock's customary 200) would reach all that we ever start. And it
 * raises the soft limit of open files to the hard one, which is 1024 against half a million under systemd, by design.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Libc, libc } from './libc.ts';

/** What systemd sets for the main process of a unit, and for no other. Source: systemd.exec(5), sd_listen_fds(3), sd_watchdog_enabled(3). */
export const SYSTEMD_VARIABLES: readonly string[] = [
  ...['NOTIFY_SOCKET', 'JOURNAL_STREAM', 'INVOCATION_ID', 'SYSTEMD_EXEC_PID', 'STATE_DIRECTORY'],
  ...['WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'],
];

const RLIMIT_NOFILE = 7;
/** systemd's own defaults: soft for programs that use select(2), hard for those that ask for more. */
const SERVICE_SOFT = 1024n;
const SERVICE_HARD = 524_288n;
/** With fewer the watcher itself could not work. */
const LEAST = 64n;
const STREAMS = 3;

/** Starts something with the descriptors that we were given. */
export interface GivenDescriptors {
  during<T>(start: () => T): T;
}

/**
 * Finds them; from then on nothing that we start has them but through `during`. To be called before we open anything. Without libc none
 * is passed on. `own`: descriptors that were meant for us.
 */
export function takeDescriptors(own: readonly number[] = []): GivenDescriptors {
  const calls = libc();
  const given = calls === null ? [] : givenDescriptors().filter(fd => !own.includes(fd));
  const closeOnExec = (on: boolean) => {
    for (const fd of given) closeOnExecIfOpen(calls, fd, on);
  };
  closeOnExec(true);
  return {
    during(start) {
      if (given.length === 0) return start();
      closeOnExec(false);
      try {
        return start();
      } finally {
        closeOnExec(true);
      }
    },
  };
}

function closeOnExecIfOpen(calls: Libc | null, fd: number, on: boolean): void {
  try {
    calls?.setCloseOnExec(fd, on);
  } catch {
    // EBADF: it is not open any more.
  }
}

/** Node's own are nameless objects of the kernel, pipes of which both ends are ours, and null devices. */
function givenDescriptors(): number[] {
  const open = descriptors();
  const count = new Map<string, number>();
  for (const { target } of open) count.set(target, (count.get(target) ?? 0) + 1);
  return open.flatMap(({ fd, target }) => {
    const isOwn = target.startsWith('anon_inode:') || target === '/dev/null' || target === process.execPath;
    const isOwnPipe = target.startsWith('pipe:') && count.get(target) === 2;
    return isOwn || isOwnPipe ? [] : [fd];
  });
}

function descriptors(): { fd: number; target: string }[] {
  try {
    return readdirSync('/proc/self/fd').flatMap(name => {
      const fd = Number(name);
      const target = fd < STREAMS ? null : targetOf(fd);
      return target === null ? [] : [{ fd, target }];
    });
  } catch {
    // No /proc: nothing can be told apart.
    return [];
  }
}

function targetOf(fd: number): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The one by which the folder was listed.
    return null;
  }
}

/**
 * Puts the soft limit of open files back to what we were given, for us and all that we start. Returns the one that holds now; null
 * without libc. `told`: what our starter says it is.
 */
export function restoreFileLimit(told?: string): bigint | null {
  const calls = libc();
  if (calls === null) return null;
  const { soft, hard } = calls.limit(RLIMIT_NOFILE);
  const given = told !== undefined && /^\d+$/.test(told) ? BigInt(told) : parentsLimit(hard);
  if (given === null || given >= soft || given < LEAST) return soft;
  calls.setLimit(RLIMIT_NOFILE, { soft: given, hard });
  return given;
}

/** Our parent's soft limit is ours too, unless a service manager or `prlimit` set another. */
function parentsLimit(hard: bigint): bigint | null {
  const parent = limitOf(process.ppid);
  if (parent === null) return hard === SERVICE_HARD ? SERVICE_SOFT : null;
  return parent.hard === hard ? parent.soft : null;
}

/** Null for a service manager, whose own limits are not those of its services, and where they cannot be read. */
function limitOf(pid: number): { soft: bigint; hard: bigint } | null {
  try {
    if (/^(?:systemd|init)\n$/.test(readFileSync(`/proc/${pid}/comm`, 'latin1'))) return null;
    const found = /^Max open files +(\d+) +(\d+) /m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'));
    return found === null ? null : { soft: BigInt(found[1]!), hard: BigInt(found[2]!) };
  } catch {
    // Gone, hidden, or outside of our container.
    return null;
  }
}
