import { readFileSync } from 'node:fs';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import type { Status } from '../../core/status.ts';
import { argumentsOf, environmentOf } from '../../host/process-facts.ts';
import type { RecordedRun } from '../../state/lock-record.ts';
import { readName } from '../../state/read-status.ts';
import type { Settings } from '../arguments/settings.ts';
import { readStatus } from '../commands/status.ts';
import { ownEnvironment } from '../environment.ts';
import { unitPath } from '../service/plan.ts';

/** One thing that was looked at, in a sentence. */
export interface Finding {
  readonly what: string;
  /** What to do about it; null: nothing is wrong. */
  readonly cure: string | null;
  /** It will cost the user something, as things stand. */
  readonly serious: boolean;
}

export const well = (what: string): Finding => ({ what, cure: null, serious: false });
export const note = (what: string, cure: string): Finding => ({ what, cure, serious: false });
export const serious = (what: string, cure: string): Finding => ({ what, cure, serious: true });

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
function installedUnit(name: string): Unit | null {
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

/** One name, with all that can be found out about it from outside. */
export interface Subject {
  readonly name: string;
  readonly folder: string;
  readonly status: Status;
  /** Where the command runs. */
  readonly cwd: string;
  /** What is wrong with its state file; null: nothing. */
  readonly fault: string | null;
  /** The run that is up, or that a dead watcher may have left. */
  readonly run: RecordedRun | null;
  /** The live watcher's pid. */
  readonly watcher: number | null;
  /** The environment of the live watcher, or where there is none, ours. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the live watcher was told to do; null where that cannot be known. */
  readonly settings: Settings | null;
  readonly unit: Unit | null;
}

/** Null for a folder that holds nothing of a watcher. */
export async function subjectOf(stateDir: string, name: string): Promise<Subject | null> {
  const status = readStatus(stateDir, name);
  if (status === null) return null;
  const { folder, fault, record, state } = readName<Snapshot>(stateDir, name, readSnapshot, () => true);
  const known = record === null || record === 'unreadable' ? null : record;
  const run = known === null || known.run === 'unknown' ? null : known.run;
  const watcher = status.watcherPid;
  const env = watcher === null ? null : environmentOf(watcher);
  return {
    ...{ name, folder, status, fault, run, watcher },
    cwd: state?.cwd ?? '/',
    env: env ?? process.env,
    settings: watcher === null || env === null ? null : await settingsOf(watcher, env),
    unit: installedUnit(name),
  };
}

/** What a live watcher was told, read from its own command line and environment by the parser that read it first. */
async function settingsOf(pid: number, env: Record<string, string>): Promise<Settings | null> {
  const words = argumentsOf(pid);
  // Under a Node of the machine's, the script is the second word.
  const from = words[1]?.endsWith('agent-watch.cjs') ? 2 : 1;
  const { parse } = await import('../arguments/parse.ts');
  try {
    const here = { ...ownEnvironment(), env, pid, cwd: env['PWD'] ?? '/' };
    const invocation = await parse(words.slice(from), here);
    return invocation.kind === 'watch' ? invocation.settings : null;
  } catch {
    // Its file was changed or moved since, or it is another version: then less can be said.
    return null;
  }
}
