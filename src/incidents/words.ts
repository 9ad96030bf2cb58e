/** A duration for people: `850ms`, `12s`, `3m12s`, `5h 4m`, `2d 3h`. */
export const durationWords = (ms: number): string => {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (minutes < 60) return pair(minutes, 'm', seconds % 60, 's', '');
  if (hours < 48) return pair(hours, 'h', minutes % 60, 'm', ' ');
  return pair(days, 'd', hours % 24, 'h', ' ');
};

const pair = (high: number, highUnit: string, low: number, lowUnit: string, gap: string): string =>
  low === 0 ? `${high}${highUnit}` : `${high}${highUnit}${gap}${low}${lowUnit}`;

/** Bytes for people, in powers of 1024. */
export const bytesWords = (bytes: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
};

/** `once`, `twice`, `3 times`. */
export const timesWords = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);

/** `first`, `second`, `third`, `4th`. */
export const ordinalWords = (count: number): string => {
  const small = ['first', 'second', 'third'][count - 1];
  if (small !== undefined) return small;
  const lastTwo = count % 100;
  const ending = lastTwo >= 11 && lastTwo <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${ending}`;
};

/** How an end is said: `exit code 3`, `SIGKILL`, or that nobody saw it. */
export const exitWords = (exit: { readonly code: number | null; readonly signal: string | null }): string => {
  if (exit.signal !== null) return exit.signal;
  return exit.code === null ? 'an end that nobody saw' : `exit code ${exit.code}`;
};

/** The time of day and the date, short, UTC: `2026-03-02 10:15:04`. */
export const momentWords = (iso: string): string => iso.slice(0, 19).replace('T', ' ');
