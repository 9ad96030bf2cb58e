import { EXIT } from '../core/exit-code.ts';
import { CommandFailed, UsageError } from './usage-error.ts';

/** How a command ended. `atOnce`: nothing that may still be open is worth waiting for. */
export interface Ending {
  code: number;
  atOnce: boolean;
}

/** Says in one line why a command failed; bad usage and faults of our own end with 125. */
export function failed(error: unknown): Ending {
  process.stderr.write(`agent-watch: ${faultText(error)}\n`);
  return { code: error instanceof CommandFailed ? error.exitCode : EXIT.usage, atOnce: false };
}

function faultText(error: unknown): string {
  if (error instanceof UsageError || error instanceof CommandFailed) return error.message;
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
