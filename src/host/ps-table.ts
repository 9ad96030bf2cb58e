import type { ProcessRow } from './process-table.ts';

const columns = 'pid=,ppid=,pgid=,sess=,stat=,lstart=';

/** Every process by `ps`, for systems without /proc. Empty where ps is missing: then nothing but the child is known. */
export function psTable(): ProcessRow[] {
  return run(['-A', '-o', columns]);
}

/** One process by `ps`, or null if it is gone. */
export function psRow(pid: number): ProcessRow | null {
  return run(['-p', String(pid), '-o', columns])[0] ?? null;
}

// Blocking, because the table must be the one of this moment; ps takes some 10 ms, and only while a tree is being ended.
// node:child_process is loaded here: it costs milliseconds, which every command on Linux would pay for nothing.
function run(args: string[]): ProcessRow[] {
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { stdout } = spawnSync('ps', args, {
    encoding: 'latin1',
    timeout: 2000,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  return (stdout ?? '').split('\n').flatMap(line => parsePsLine(line) ?? []);
}

/**
 * One line of `ps -o pid=,ppid=,pgid=,sess=,stat=,lstart=`, or null. The session is an address on macOS, of no use as a number:
 * there 0 stands for unknown.
 */
export function parsePsLine(line: string): ProcessRow | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S.*\S)\s*$/.exec(line);
  if (match === null) return null;
  const [pid, parent, group] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const startTicks = Date.parse(match[6] ?? '') / 1000;
  if (Number.isNaN(startTicks)) return null;
  const session = process.platform === 'darwin' || !/^\d+$/.test(match[4] ?? '') ? 0 : Number(match[4]);
  const state = match[5] ?? '';
  return { pid, parent, group, session, startTicks, dead: state.startsWith('Z'), halted: state.startsWith('T') };
}
