import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
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

/** The two ends of a connection, as a socket of Node's names them. */
export interface Connection {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/**
 * The user who owns the other end of a connection from this machine; null if it comes from elsewhere, or where there is no /proc. Source:
 * proc(5), net/tcp: `sl local_address rem_address st tx:rx tr:when retrnsmt uid …`.
 */
export function connectionOwner(connection: Connection): number | null {
  const { remoteAddress, remotePort, localAddress, localPort } = connection;
  if (remoteAddress === undefined || localAddress === undefined) return null;
  // Of the same connection: the other end's row has the addresses the other way round.
  const ends = [endText(remoteAddress, remotePort), endText(localAddress, localPort)].map(end => `${end} `).join('');
  for (const table of ['tcp', 'tcp6'])
    for (const row of (readOr(`/proc/net/${table}`) ?? '').split('\n')) {
      const fields = row.trim().split(/\s+/);
      const seen = `${shortEnd(fields[1])} ${shortEnd(fields[2])} `;
      if (seen === ends && fields[7] !== undefined) return Number(fields[7]);
    }
  return null;
}

/** `0100007F:1F90`: words of four bytes as the machine's own (little-endian) numbers. IPv4 within IPv6 is written as IPv4. */
function endText(address: string, port = 0): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const bytes = isIPv4(plain) ? plain.split('.').map(Number) : plain === '::1' ? [...Array(15).fill(0), 1] : [];
  const words = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.slice(4 * at, 4 * at + 4).reverse());
  return `${words.flat().map(hex).join('')}:${hex(port >> 8)}${hex(port & 0xff)}`;
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
const shortEnd = (end = ''): string => end.replace(/^0{16}FFFF0000/, '');

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
