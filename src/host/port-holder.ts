import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Who listens on a port. */
export interface PortHolder {
  /** null: a process that we may not look into, another user's. */
  pid: number | null;
  command: string | null;
}

const LISTEN = '0A';
const PROCESSES_A_TURN = 20;
const COMMAND_CHARS = 200;

/** Who listens on a TCP port of this network namespace, or null if nobody does. `except`: pids that do not count. */
export async function portHolder(port: number, except: ReadonlySet<number>): Promise<PortHolder | null> {
  const links = new Set(listeningInodes(port).map(inode => `socket:[${inode}]`));
  if (links.size === 0) return null;
  let looked = 0;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || except.has(pid)) continue;
    if (holdsOneOf(pid, links)) return { pid, command: commandOf(pid) };
    if (++looked % PROCESSES_A_TURN === 0) await nextTurn();
  }
  return { pid: null, command: null };
}

/** Source: proc(5), net/tcp: `sl local_address rem_address st … inode`, numbers in hex but for the inode. */
function listeningInodes(port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6'].flatMap(table => {
    const rows = (readOr(`/proc/net/${table}`) ?? '').split('\n').map(line => line.trim().split(/\s+/));
    return rows.flatMap(row => (row[1]?.endsWith(wanted) && row[3] === LISTEN && row[9] ? [row[9]] : []));
  });
}

function holdsOneOf(pid: number, links: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => links.has(linkOf(`/proc/${pid}/fd/${fd}`)));
  } catch {
    // Gone, or another user's.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return '';
  }
}

function commandOf(pid: number): string | null {
  const text = readOr(`/proc/${pid}/cmdline`)?.replace(/\0+$/, '').replaceAll('\0', ' ');
  return text === undefined || text === '' ? null : text.slice(0, COMMAND_CHARS);
}

function readOr(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No /proc, or gone.
    return null;
  }
}
