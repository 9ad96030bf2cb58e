/**
 * Files and folders that steer the watchdog. One that another user owns or may write to would let that user run commands
 * as us, so it is refused. What is looked at is the opened descriptor, which cannot be exchanged meanwhile, and the link
 * that led to it, if there was one: whoever owns a link decides where it leads.
 */

import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  type Stats,
} from 'node:fs';
import { sizeText } from '../core/units.ts';

/** Why a file is not read, as the end of a sentence that begins with its name. */
export interface Refused {
  readonly refused: string;
}

const largestBytes = 1 << 20;

/** The text of a file that only we or root can have written. Never throws. */
export function readTrustedFile(path: string): { readonly text: string } | Refused {
  return withOpened(path, 0, stats => {
    if (stats.isDirectory()) return { refused: 'is a folder, not a file' };
    if (!stats.isFile()) return { refused: 'is not a regular file' };
    if (stats.size > largestBytes) return { refused: `is larger than ${sizeText(largestBytes)}` };
    return null;
  });
}

/** The names of what is in a folder that only we or root can have filled, sorted. Never throws. */
export function readTrustedFolder(path: string): { readonly names: string[] } | Refused {
  const checked = withOpened(path, constants.O_DIRECTORY, () => null, false);
  if ('refused' in checked) return checked;
  try {
    return { names: readdirSync(path).sort() };
  } catch (error) {
    return { refused: reasonOf(error) };
  }
}

function withOpened(
  path: string,
  flags: number,
  refuse: (stats: Stats) => Refused | null,
  read = true,
): { readonly text: string } | Refused {
  let descriptor: number | null = null;
  try {
    const link = lstatSync(path);
    if (link.isSymbolicLink() && !isTrustedOwner(link.uid))
      return { refused: `is a link that belongs to another user (${described(link)})` };
    // O_NONBLOCK: opening a FIFO would otherwise wait for a writer that never comes.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    const stats = fstatSync(descriptor);
    const refusal = refuseStranger(stats) ?? refuse(stats);
    if (refusal !== null) return refusal;
    if (!read) return { text: '' };
    const bytes = readAll(descriptor);
    if (!isUtf8(bytes)) return { refused: `is not UTF-8 (${foreignPlace(bytes)})` };
    return { text: bytes.toString('utf8') };
  } catch (error) {
    return { refused: reasonOf(error) };
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function refuseStranger(stats: Stats): Refused | null {
  if (!isTrustedOwner(stats.uid)) return { refused: `belongs to another user (${described(stats)})` };
  const others = (stats.mode & 0o002) !== 0;
  const group = (stats.mode & 0o020) !== 0 && !isPrivateGroup(stats.gid);
  if (others || group) return { refused: `may be written by other users (${described(stats)})` };
  return null;
}

function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

/** `owner alice, mode 0664`, for people. */
function described(stats: Stats): string {
  const name = passwd().find(entry => entry.id === stats.uid)?.name ?? String(stats.uid);
  return `owner ${name}, mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}`;
}

interface Account {
  readonly name: string;
  readonly id: number;
  readonly gid: number;
}

function passwd(): Account[] {
  return colonLines('/etc/passwd').map(([name = '', , id, gid]) => ({ name, id: Number(id), gid: Number(gid) }));
}

/**
 * Where each user has a group of their own (Debian, Fedora), umask 002 is usual and a file's group bit admits nobody
 * else. A group counts as private if the local files know it and show no member but us and root; one that only a
 * directory service knows does not.
 */
function isPrivateGroup(gid: number): boolean {
  const group = colonLines('/etc/group').find(([, , id]) => Number(id) === gid);
  if (group === undefined) return false;
  const accounts = passwd();
  const trusted = new Set(accounts.filter(account => isTrustedOwner(account.id)).map(account => account.name));
  const members = (group[3] ?? '').split(',').filter(member => member !== '');
  const primary = accounts.filter(account => account.gid === gid).map(account => account.name);
  return [...members, ...primary].every(member => trusted.has(member));
}

function colonLines(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line.includes(':'))
      .map(line => line.split(':'));
  } catch {
    // No such file (a bare root): names are unknown, and numbers are shown.
    return [];
  }
}

/** Where the first line is whose bytes a text would not keep. */
function foreignPlace(bytes: Buffer): string {
  const lines = bytes.toString('latin1').split('\n');
  return `line ${lines.findIndex(line => !isUtf8(Buffer.from(line, 'latin1'))) + 1}`;
}

/** Reads to the end, but no more than the largest size and a byte: the file may grow while it is read. */
function readAll(descriptor: number): Buffer {
  const buffer = Buffer.alloc(largestBytes + 1);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, null);
    length += count;
    if (count === 0 || length === buffer.length) return buffer.subarray(0, length);
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'cannot be read by this user';
  if (code === 'ENOTDIR') return 'is not there: a part of its path is not a directory';
  if (code === 'ELOOP') return 'is a link that leads in a circle';
  return `cannot be read: ${message}`;
}
