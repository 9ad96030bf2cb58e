import type { Exit, Policy, Signal } from './model.ts';

/** Linux's signal numbers; those that differ elsewhere (USR1, USR2, …) matter only for 128+n of a child. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** As Linux's C libraries count them: the kernel's first two, 32 and 33, are theirs. */
const FIRST_REAL_TIME = 34;
const LAST_REAL_TIME = 64;

/** The number of a signal, real-time ones included (`SIGRTMIN+3`, `SIGRTMAX-1`, `SIG33`); null if there is no such signal. */
export function signalNumber(name: string): number | null {
  const known = SIGNAL_NUMBERS[name];
  if (known !== undefined) return known;
  const [, from, sign, digits] = /^SIG(?:RT(MIN|MAX)(?:([+-])(\d{1,2}))?|(?:3[23]))$/.exec(name) ?? [];
  if (from === undefined) return name === 'SIG32' ? 32 : name === 'SIG33' ? 33 : null;
  const distance = digits === undefined ? 0 : Number(digits);
  if (distance > 0 && sign !== (from === 'MIN' ? '+' : '-')) return null;
  const number = from === 'MIN' ? FIRST_REAL_TIME + distance : LAST_REAL_TIME - distance;
  return number >= FIRST_REAL_TIME && number <= LAST_REAL_TIME ? number : null;
}

/** The name of a signal's number, as `kill -l` gives it. The type is that of Node, which has no name for a real-time one. */
export function signalName(number: number): Signal {
  const known = Object.keys(SIGNAL_NUMBERS).find(name => SIGNAL_NUMBERS[name] === number);
  return (known ?? realTimeName(number)) as Signal;
}

function realTimeName(number: number): string {
  if (number < FIRST_REAL_TIME) return `SIG${number}`;
  const above = number - FIRST_REAL_TIME;
  const below = LAST_REAL_TIME - number;
  if (above <= 15) return above === 0 ? 'SIGRTMIN' : `SIGRTMIN+${above}`;
  return below === 0 ? 'SIGRTMAX' : `SIGRTMAX-${below}`;
}

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
