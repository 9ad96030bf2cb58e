/** The units of time, and durations, sizes and exits as people read them. */
/** Milliseconds of a clock that never jumps and stops while the machine sleeps. Only differences mean anything. */
export type Mono = number & { readonly unit: 'monotonic ms' };

/** Milliseconds since 1970, for people and files. It may jump; nothing is decided by it within one boot. */
export type Wall = number & { readonly unit: 'wall ms' };

/** One moment on both clocks. */
export interface Stamp {
  mono: Mono;
  wall: Wall;
}

/** The longest delay that a timer of the event loop takes, 24.8 days: Node fires a longer one at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A delay as a timer takes it. */
export function timerMs(delayMs: number): number {
  return Math.min(delayMs, LONGEST_TIMER_MS);
}

/** A duration for people, as an option would be written: `350ms`, `3.2s`, `42s`, `3m12s`, `2h05m`, `3d04h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds < 9.95 ? trimZero(seconds.toFixed(1)) : Math.round(seconds)}s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return pair(Math.floor(whole / 60), 'm', whole % 60, 's');
  const minutes = Math.floor(whole / 60);
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
  const hours = Math.floor(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function trimZero(text: string): string {
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${String(small).padStart(2, '0')}${smallUnit}`;
}

const units = ['B', 'K', 'M', 'G', 'T'] as const;

/** Bytes as an option would be written, rounded to three digits: `1.86G`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (value >= 1000 && power < units.length - 1) {
    value /= 1024;
    power++;
  }
  return `${power === 0 ? Math.round(value) : Number(value.toPrecision(3))}${units[power]}`;
}

/** `once`, `twice`, `3 times`. */
export const timesText = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);

/** `first`, `second`, `third`, `4th`. */
export const ordinalText = (count: number): string => {
  const small = ['first', 'second', 'third'][count - 1];
  if (small !== undefined) return small;
  const lastTwo = count % 100;
  const ending = lastTwo >= 11 && lastTwo <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${ending}`;
};

/** How a run ended: `exit code 3`, `SIGKILL`, or that it is not known. */
export const exitText = (exit: { readonly code: number | null; readonly signal: string | null }): string => {
  if (exit.signal !== null) return exit.signal;
  return exit.code === null ? 'exit status unknown' : `exit code ${exit.code}`;
};
