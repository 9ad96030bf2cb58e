import { readFileSync } from 'node:fs';
import { unitPath } from '../service-places.ts';

/** What an installed unit says. */
export interface Unit {
  readonly path: string;
  /** Of the watcher's own program. */
  readonly program: string;
  /** The PATH that it sets; null: systemd's own. */
  readonly searched: string | null;
}

/** What services get where their unit sets no PATH. Source: systemd.exec(5). */
const SYSTEMD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';

/** The unit of a name, the system's or this user's; null: none is installed. */
export function installedUnit(name: string): Unit | null {
  for (const scope of ['system', 'user'] as const) {
    const path = placeOf(name, scope);
    const text = path === null ? null : textOf(path);
    if (path !== null && text !== null) return { path, ...readUnit(text) };
  }
  return null;
}

function placeOf(name: string, scope: 'system' | 'user'): string | null {
  try {
    return unitPath(name, scope);
  } catch {
    // No HOME, and no such user in /etc/passwd: then there are no units of this user's either.
    return null;
  }
}

/** The PATH under which the unit's command is looked for. */
export const pathOf = (unit: Unit): string => unit.searched ?? SYSTEMD_PATH;

/** Reads the two lines that matter, as `install` writes them. */
function readUnit(text: string): Omit<Unit, 'path'> {
  const exec = /^ExecStart=(?:"((?:[^"\\]|\\.)*)"|(\S+))/m.exec(text);
  const path = /^Environment=(?:"PATH=((?:[^"\\]|\\.)*)"|PATH=(\S*))/m.exec(text);
  return {
    program: unquoted(exec?.[1] ?? exec?.[2] ?? ''),
    searched: path === null ? null : unquoted(path[1] ?? path[2] ?? ''),
  };
}

function unquoted(text: string): string {
  return text.replace(/\\(.)/g, '$1').replaceAll('%%', '%');
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // ENOENT: not installed. EACCES: not for us to see.
    return null;
  }
}
