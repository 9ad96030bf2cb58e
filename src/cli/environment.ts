import { fstatSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, normalize, resolve } from 'node:path';
import { EXIT } from '../core/signals.ts';
import { findMangledVariable } from '../host/own-process.ts';
import { type CommandFailed, quoted, UsageError } from './usage-error.ts';

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

/** The surroundings of this process. To ask for a folder throws a UsageError where there is none. */
export function ownEnvironment(): Environment {
  return {
    env: process.env,
    // Looked up when it is asked for: what needs no folder also runs in one that is gone.
    get cwd() {
      return ownCwd();
    },
    uid: process.getuid?.() ?? 0,
    pid: process.pid,
    ppid: process.ppid,
    homeDir: ownHome,
    underJournal: stderrIsJournal(process.env['JOURNAL_STREAM']),
    onTerminal: () => process.getBuiltinModule('node:tty').isatty(1),
  };
}

/**
 * The path that led here, as `pwd -L` has it: behind a link (`current` to a release), the command is to be started where the link leads
 * by then. PWD is believed only if it is this very folder.
 */
function ownCwd(): string {
  const real = realCwd();
  const { PWD } = process.env;
  const logical = PWD !== undefined && isAbsolute(PWD) && normalize(PWD) === PWD && isSame(PWD, '.') ? PWD : real;
  if (logical.includes('\uFFFD') && !isSame(logical, '.'))
    throw new UsageError(
      `the name of the working directory is not UTF-8: ${quoted(logical)}; start it from another one`,
    );
  return logical;
}

/** Its bytes are lost already, and the command would get others in silence. One that is set anew does not matter. */
export function refuseMangledVariable(setAnew: Readonly<Record<string, string>>): void {
  const mangled = findMangledVariable(new Set(Object.keys(setAnew)));
  if (mangled === null) return;
  const [name] = mangled.split('=', 1);
  throw new UsageError(
    `variable ${mangled} is not UTF-8 and would reach the command changed; unset it or use --env ${name}=…`,
  );
}

function realCwd(): string {
  try {
    return process.cwd();
  } catch {
    // getcwd(2) fails with ENOENT once the folder has been removed; any child would inherit that.
    throw new UsageError('the working directory has been removed; change to another one first');
  }
}

function isSame(path: string, other: string): boolean {
  try {
    const [a, b] = [statSync(path), statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    // Not there, or not to be entered.
    return false;
  }
}

/** A relative HOME would mean another folder for each caller; the user's entry in the password file says which one is theirs. */
function ownHome(): string {
  for (const ask of [homedir, () => userInfo().homedir]) {
    try {
      const home = ask();
      if (isAbsolute(home)) return home;
    } catch {
      // A user without an entry, such as the random one of a container.
    }
  }
  throw new UsageError('this user has no home directory; name a folder for the state with --state-dir');
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

/** How a command ended. `atOnce`: nothing that may still be open is worth waiting for. */
export interface Ending {
  code: number;
  atOnce: boolean;
}

/** Says in one line why a command failed; bad usage and faults of our own end with 125. */
export function failed(error: unknown): Ending {
  process.stderr.write(`agent-watch: ${faultText(error)}\n`);
  return { code: isForPeople(error) ? error.exitCode : EXIT.usage, atOnce: false };
}

/** By its name: in the executable it may come from another script, which has classes of its own. */
function isForPeople(error: unknown): error is UsageError | CommandFailed {
  return error instanceof Error && (error.name === 'UsageError' || error.name === 'CommandFailed');
}

function faultText(error: unknown): string {
  if (isForPeople(error)) return error.message;
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
