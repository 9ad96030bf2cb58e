import { fstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { UsageError } from './usage-error.ts';

/** What settings depend on besides the command line and the files it names. */
export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where we were started: relative paths on the command line are taken from here. */
  readonly cwd: string;
  readonly uid: number;
  readonly pid: number;
  readonly ppid: number;
  /** The user's home; asked for only where nothing else says where state lies. */
  readonly homeDir: () => string;
  /** Whether our standard error is the systemd journal, which keeps what we say itself. */
  readonly underJournal: boolean;
  /** Whether a person at a terminal reads our standard output. */
  readonly onTerminal: () => boolean;
}

/** The surroundings of this process. Throws a UsageError if the folder we were started in is gone. */
export function ownEnvironment(): Environment {
  return {
    env: process.env,
    cwd: ownCwd(),
    uid: process.getuid?.() ?? 0,
    pid: process.pid,
    ppid: process.ppid,
    homeDir: homedir,
    underJournal: stderrIsJournal(process.env['JOURNAL_STREAM']),
    onTerminal: () => process.getBuiltinModule('node:tty').isatty(1),
  };
}

function ownCwd(): string {
  try {
    return process.cwd();
  } catch {
    // getcwd(2) fails with ENOENT once the folder has been removed; any child would inherit that.
    throw new UsageError('the folder that this was started in is gone; go to another one first');
  }
}

/**
 * systemd sets JOURNAL_STREAM to the device and inode of the stream it connected. It is inherited by all below, so it
 * means something only where it is still our own descriptor.
 */
function stderrIsJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2);
    return stream === `${dev}:${ino}`;
  } catch {
    // Started with descriptor 2 closed: then it is not the journal.
    return false;
  }
}

/** Where state lies if --state-dir is not given: a folder that holds a folder per name. */
export function defaultStateDir(here: Environment): string {
  const named = here.env['AGENT_WATCH_STATE_DIR'];
  if (named) return resolve(here.cwd, named);
  const unit = here.env['STATE_DIRECTORY']?.split(':')[0];
  if (unit && isMainProcessOfUnit(here)) return resolve(here.cwd, unit);
  if (here.uid === 0) return '/var/lib/agent-watch';
  const xdg = here.env['XDG_STATE_HOME'];
  // The XDG specification: a relative path is invalid and is to be ignored.
  if (xdg && isAbsolute(xdg)) return join(xdg, 'agent-watch');
  return join(here.homeDir(), '.local/state/agent-watch');
}

/**
 * STATE_DIRECTORY is inherited by everything below a unit, a shell in it included; it is ours only as the process that
 * systemd itself started. Since v248 it says which one that is; before, the parent tells: PID 1 has no other children
 * that carry an INVOCATION_ID and are not units' main processes, orphans apart.
 */
function isMainProcessOfUnit(here: Environment): boolean {
  const started = here.env['SYSTEMD_EXEC_PID'];
  if (started !== undefined) return started === String(here.pid);
  return here.env['INVOCATION_ID'] !== undefined && (here.ppid === 1 || here.env['MANAGERPID'] === String(here.ppid));
}

/** Set by the build. */
declare const AGENT_WATCH_VERSION: string | undefined;

export const version: string = typeof AGENT_WATCH_VERSION === 'string' ? AGENT_WATCH_VERSION : 'unbuilt';
