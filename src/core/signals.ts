import type { Signal } from './model.ts';

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
