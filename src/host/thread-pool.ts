import { stat } from 'node:fs';
import { libc } from './libc.ts';
import { readTable, usersOf } from './process-table.ts';

/** libuv's own default. */
const THREADS = 4;
const MOST_THREADS = 64;
/** The name that Node itself knows, and the one that the Node of the executable looks for (scripts/rename-variables.ts). */
const SIZE_VARIABLES = ['UV_THREADPOOL_SIZE', 'UV_THREADPOOL_SIZe'];
const RLIMIT_NPROC = 6;
/** Above this, a limit of processes is no fence around one program, and counting what is used would cost a start too much. */
const LOW_LIMIT = 1024;

/**
 * Makes the threads for file calls and name look-ups, before the command is started: it may use up the limit of processes, and libuv,
 * which would make them at the first use, then aborts. `mayHang`: how many paths are looked at that may be on a mount which hangs; each
 * can hold one thread for ever. Returns why they cannot be made, or null.
 */
export function makeThreadPool(mayHang: number): string | null {
  const threads = Math.min(THREADS + mayHang, MOST_THREADS);
  const room = roomForThreads();
  if (room < threads) return `the limit of processes leaves no room for the watcher's own ${threads} threads`;
  for (const name of SIZE_VARIABLES) process.env[name] = String(threads);
  stat('/', () => {});
  return null;
}

/** Root is not bound by the limit. */
function roomForThreads(): number {
  const uid = process.getuid?.() ?? 0;
  const soft = uid === 0 ? undefined : libc()?.limit(RLIMIT_NPROC).soft;
  if (soft === undefined || soft > LOW_LIMIT) return Number.POSITIVE_INFINITY;
  let used = 0;
  for (const { pid } of readTable(null)) if (usersOf(pid)?.real === uid) used += threadsOf(pid);
  return Number(soft) - used;
}

function threadsOf(pid: number): number {
  try {
    return process.getBuiltinModule('node:fs').readdirSync(`/proc/${pid}/task`).length;
  } catch {
    // Gone meanwhile.
    return 0;
  }
}
