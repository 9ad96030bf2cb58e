import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

/**
 * Our first argument that is not UTF-8, with its foreign bytes shown as \xNN; null if all are, or where the system does
 * not show them. Node has already replaced such bytes in process.argv: passed on, they would name another file.
 */
export function findMangledArgument(): string | null {
  if (process.platform !== 'linux') return null;
  let raw: Buffer;
  try {
    raw = readFileSync('/proc/self/cmdline');
  } catch {
    // No /proc: nothing to compare with.
    return null;
  }
  return firstForeign(raw);
}

/**
 * The first variable of the environment we were started with that is not UTF-8, as `NAME=value` with its foreign bytes shown; null if all
 * are. `but`: names that do not matter.
 */
export function findMangledVariable(but: ReadonlySet<string>): string | null {
  if (process.platform !== 'linux') return null;
  let raw: Buffer;
  try {
    raw = readFileSync('/proc/self/environ');
  } catch {
    // No /proc: nothing to compare with.
    return null;
  }
  if (isUtf8(raw)) return null;
  // Latin-1 has a character for every byte, so this cuts where the bytes say.
  const foreign = raw
    .toString('latin1')
    .split('\0')
    .map(entry => Buffer.from(entry, 'latin1'))
    .find(entry => !isUtf8(entry) && !but.has(entry.toString('latin1').split('=', 1)[0]!));
  return foreign === undefined ? null : printable(foreign);
}

/** The first of the NUL-terminated strings that is not UTF-8, made printable; null if there is none. */
export function firstForeign(raw: Buffer): string | null {
  if (isUtf8(raw)) return null;
  for (let from = 0; from < raw.length; ) {
    const nul = raw.indexOf(0, from);
    const to = nul === -1 ? raw.length : nul;
    const part = raw.subarray(from, to);
    if (!isUtf8(part)) return printable(part);
    from = to + 1;
  }
  return null;
}

function printable(bytes: Buffer): string {
  return [...bytes]
    .map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`))
    .join('');
}
