import type { Exit, Policy } from './model.ts';
import { signalNumber } from './signals.ts';

/** The watcher's own exit codes, from the contract. */
export const EXIT = {
  ok: 0,
  notWell: 1,
  unknownName: 4,
  held: 69,
  alreadyRunning: 75,
  usage: 125,
  notExecutable: 126,
  notFound: 127,
} as const;

/** What a shell would report for this end: the code, or 128 plus the signal's number. */
export function shellCode(exit: Exit): number {
  if (exit.code !== null) return exit.code;
  return exit.signal === null ? 1 : 128 + (signalNumber(exit.signal) ?? 0);
}

/** Whether this end is no crash: a code that the user calls success, or a run that came near its expected length. */
export function isSuccess(policy: Policy, exit: Exit, uptimeMs: number): boolean {
  if (policy.expectDurationMs !== null && uptimeMs >= 0.8 * policy.expectDurationMs) return true;
  return exit.code !== null && policy.successCodes.includes(exit.code);
}

/** The watcher's code when the first start ever of a command fails. */
export function startFailureCode(
  kind: 'command-missing' | 'not-executable' | 'interpreter-missing' | 'cwd-missing',
): number {
  if (kind === 'cwd-missing') return EXIT.usage;
  return kind === 'not-executable' ? EXIT.notExecutable : EXIT.notFound;
}
