/** The texts and lists of /proc, for those who take what can be read and go on without the rest. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Whether the system shows its processes in /proc: Linux, but for a root without it. Elsewhere (macOS) `ps` tells them, files are reached
 * by their paths, and what only /proc knows is left out. The one switch between the two.
 */
export const hasProc: boolean = process.platform === 'linux' && existsSync('/proc/self/stat');

/** A clock tick of /proc on Linux, in ms: USER_HZ is 100 on every architecture, whatever the kernel's own tick. */
export const TICK_MS = 10;

/** The text of such a file; null: its process is gone or another user's, or this system has no /proc. */
export function procText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // As said above.
    return null;
  }
}

/** The names in such a folder; none where {@link procText} would give null. */
export function procNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // As said above.
    return [];
  }
}

/**
 * The fields of /proc/PID/stat behind the name, the state first: field n of proc(5) has the index n - 3. The name may hold spaces and
 * parentheses, so they are counted from the last closing one. Null where it cannot be read.
 */
export function statFields(pid: number): readonly string[] | null {
  const line = procText(`/proc/${pid}/stat`);
  return line === null ? null : line.slice(line.lastIndexOf(')') + 2).split(' ', 20);
}

/** The processor time that a process has used so far, in ms: utime and stime of its {@link statFields}. */
export function cpuMsIn(fields: readonly string[]): number {
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The processes that any thread of this one forked and that are still its children: the kernel lists them by thread. */
export function childrenOf(pid: number): number[] {
  return procNames(`/proc/${pid}/task`).flatMap(thread => {
    const text = procText(`/proc/${pid}/task/${thread}/children`)?.trim() ?? '';
    return text === '' ? [] : text.split(' ').map(Number);
  });
}
