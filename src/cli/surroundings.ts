import { fstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { UsageError } from './usage-error.ts';

/** What settings depend on besides the command line and the files it names. */
export interface Surroundings {
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
}

/** The surroundings of this process. Throws a UsageError if the folder we were started in is gone. */
export function ownSurroundings(): Surroundings {
  return {
    env: process.env,
    cwd: ownCwd(),
    uid: process.getuid?.() ?? 0,
    pid: process.pid,
    ppid: process.ppid,
    homeDir: homedir,
    underJournal: stderrIsJournal(process.env['JOURNAL_STREAM']),
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
