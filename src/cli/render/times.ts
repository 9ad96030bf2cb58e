/** Local time for people. No Intl: it costs milliseconds at its first use. */

const two = (value: number) => String(value).padStart(2, '0');

/** `2026-11-29 10:15:04`, local time. */
export function localTime(at: string | number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${localClock(date)}`;
}

/** `10:15:04`, local time. */
function localClock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/** The zone of this machine at a time: `UTC`, `UTC+01:00`. */
export function zoneText(at: string | number): string {
  const offset = -new Date(at).getTimezoneOffset();
  if (offset === 0) return 'UTC';
  const minutes = Math.abs(offset);
  return `UTC${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
