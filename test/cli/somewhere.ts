import type { Environment } from '../../src/cli/environment.ts';
import { UsageError } from '../../src/cli/usage-error.ts';

/** Surroundings that say nothing, but for what a test is about. */
export function somewhere(changes: Partial<Environment> = {}): Environment {
  return {
    env: {},
    cwd: '/started/here',
    uid: 1000,
    pid: 4242,
    ppid: 4000,
    homeDir: () => '/home/someone',
    underJournal: false,
    onTerminal: () => false,
    ...changes,
  };
}

/** The message of the UsageError that `attempt` ends with; it must be one line, and the exit code 125. */
export async function faultOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (error.exitCode !== 125 || /[\n\r]/.test(error.message)) throw new Error(`no proper fault: ${error.message}`);
    return error.message;
  }
  throw new Error('it was taken');
}
