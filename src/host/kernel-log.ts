import {
  closeSync,
  constants,
  promises as files,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { isIPv4 } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atMost } from './clock.ts';
import { errnoOf } from './read-file.ts';

/** A process that the kernel says it killed for want of memory. */
export interface OomVictim {
  pid: number;
  /** Its memory control group, where the kernel names it. */
  cgroup: string | null;
  /** Milliseconds since boot, by the kernel log's own clock, which stays within seconds of the monotonic one. */
  atMs: number;
  line: string;
}

/** The kernel's log, as far as it may be read. */
export interface KernelLog {
  /** The latest victims, oldest first. Reads only what is new since the last look. */
  victims(): Promise<readonly OomVictim[]>;
  close(): void;
}

const DEVICE_MAJOR = 1;
const DEVICE_MINOR = 11;
/** The longest record (CONSOLE_EXT_LOG_MAX). */
const RECORD_BYTES = 8192;
const RECORDS_A_TURN = 200;
const RECORDS_A_LOOK = 20_000;
const VICTIMS_KEPT = 50;

/** Opens /dev/kmsg; null where it may not be read (CAP_SYSLOG with dmesg_restrict) or is not what it should be. */
export function openKernelLog(path = '/dev/kmsg'): KernelLog | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // EPERM mostly: an ordinary user's watcher does without.
    return null;
  }
  // Some containers have a terminal there.
  const { rdev } = fstatSync(fd);
  if (rdev !== DEVICE_MAJOR * 256 + DEVICE_MINOR) {
    closeSync(fd);
    return null;
  }
  const buffer = Buffer.allocUnsafe(RECORD_BYTES);
  const victims: OomVictim[] = [];
  const cgroups = new Map<number, string>();
  return {
    async victims() {
      for (let count = 1; count <= RECORDS_A_LOOK; count++) {
        const record = readRecord(fd, buffer);
        if (record === null) break;
        note(record, victims, cgroups);
        // The log of a long uptime has thousands of records: others get their turn between.
        if (count % RECORDS_A_TURN === 0) await nextTurn();
      }
      return victims;
    },
    close: () => closeSync(fd),
  };
}

/** One record; empty if it could not be read, null at the end. */
function readRecord(fd: number, buffer: Buffer): string | null {
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, null)) || null;
  } catch (error) {
    // EPIPE: it was overwritten while we read, and the next read goes on after the gap. EAGAIN: that was all.
    return errnoOf(error) === 'EPIPE' ? '' : null;
  }
}

/** Source: mm/oom_kill.c. `oom-kill:…,task_memcg=/path,task=name,pid=N,uid=N` comes before `… Killed process N (name) …`. */
function note(record: string, victims: OomVictim[], cgroups: Map<number, string>): void {
  const [head = '', line = ''] = (record.split('\n')[0] ?? '').split(/;(.*)/s);
  const told = /^oom-kill:.*task_memcg=(.*),task=.*,pid=(\d+)/.exec(line);
  if (told !== null) cgroups.set(Number(told[2]), told[1] ?? '');
  const killed = /[Oo]ut of memory.*: Kill(?:ed)? process (\d+) \(/.exec(line);
  if (killed === null) return;
  const pid = Number(killed[1]);
  victims.push({ pid, cgroup: cgroups.get(pid) ?? null, atMs: Number(head.split(',')[2]) / 1000, line });
  cgroups.delete(pid);
  if (victims.length > VICTIMS_KEPT) victims.shift();
}

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** What is left on the file system of a path. */
export interface DiskRoom {
  path: string;
  /** For an ordinary user: what is reserved for root is left out. */
  freeBytes: number;
  totalBytes: number;
  /** null: this file system has no fixed number of inodes. */
  freeInodes: number | null;
}

/** A mount whose server is gone never answers. */
const ANSWER_MS = 1000;

let hanging = 0;

/** The room on the file systems of these paths, each named once by the first path on it; what does not answer in time is left out. */
export async function diskRoom(paths: readonly string[]): Promise<DiskRoom[]> {
  // Each unanswered question occupies a thread of the pool, which other work needs.
  if (hanging > 0) return [];
  const seen = new Set<number>();
  const loaded: DiskRoom[] = [];
  for (const path of paths) {
    const found = await withDeadline(look(path));
    if (found === null || seen.has(found.device)) continue;
    seen.add(found.device);
    loaded.push(found.room);
  }
  return loaded;
}

async function look(path: string): Promise<{ device: number; room: DiskRoom } | null> {
  try {
    const [{ dev }, { bsize, bavail, blocks, files: inodes, ffree }] = await Promise.all([
      files.stat(path),
      files.statfs(path),
    ]);
    const room = { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: inodes > 0 ? ffree : null };
    return { device: dev, room };
  } catch {
    // ENOENT, EACCES: nothing can be said of it.
    return null;
  }
}

async function withDeadline<T>(answer: Promise<T>): Promise<T | null> {
  hanging++;
  const answered = answer.finally(() => {
    hanging--;
  });
  return await atMost(ANSWER_MS, answered, null);
}

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
