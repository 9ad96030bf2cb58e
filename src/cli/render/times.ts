import { zonedTime } from '../../host/clock.ts';

/** `2026-11-29 10:15:04`, local time. */
export function localTime(at: string | number): string {
  return zonedTime(at).slice(0, 19);
}
