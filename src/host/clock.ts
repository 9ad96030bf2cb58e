import { readFileSync, readlinkSync } from 'node:fs';
import { type Mono, type Stamp, timerMs, type Wall } from '../core/units.ts';

/**
 * Both clocks now. The monotonic one is the system's (CLOCK_MONOTONIC on Linux), so within one boot its values compare
 * between processes; it stops while the machine is suspended.
 */
export function stampNow(): Stamp {
  return { mono: monoNow(), wall: Date.now() as Wall };
}

/** The monotonic one alone. The first look at `performance` loads node:perf_hooks, which costs a start two milliseconds. */
export function monoNow(): Mono {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.round(nanoseconds / 1000) / 1000) as Mono;
}

/** What the promise comes to, or `late` after that long. A rejection in time is passed on. */
export async function atMost<T, Late = undefined>(
  limitMs: number,
  promise: Promise<T>,
  late?: Late,
): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Late>(resolve => {
    timer = setTimeout(() => resolve(late as Late), timerMs(limitMs));
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

let known: string | null | undefined;

/**
 * What differs from boot to boot: a pid and start time mean something only together with it. Null where the system
 * does not tell. Source: /proc/sys/kernel/random/boot_id; on macOS the sysctl kern.bootsessionuuid.
 */
export function bootId(): string | null {
  if (known === undefined) known = readBootId();
  return known;
}

function readBootId(): string | null {
  try {
    const text = process.platform === 'darwin' ? bySysctl() : readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    return /^[0-9a-fA-F-]{8,64}$/.test(text.trim()) ? text.trim() : null;
  } catch {
    // No /proc (a bare chroot), or a system that does not tell.
    return null;
  }
}

// Loaded only where it is needed: node:child_process costs milliseconds, and most commands start nothing.
function bySysctl(): string {
  const { execFileSync } = process.getBuiltinModule('node:child_process');
  return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', timeout: 2000 });
}

let knownNamespace: string | null | undefined;

/** In which namespace our pids count (a container has its own): `pid:[4026531836]`. Null where there are none. */
export function pidNamespace(): string | null {
  if (knownNamespace === undefined) knownNamespace = readNamespace();
  return knownNamespace;
}

function readNamespace(): string | null {
  try {
    return process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : null;
  } catch {
    // No /proc: then nothing can be told apart by pid anyway.
    return null;
  }
}

/** A moment for people, local, with its zone: `2026-11-29 10:15:04 UTC+01:00`. No Intl: it costs milliseconds at its first use. */
export function zonedTime(at: string | number): string {
  const date = new Date(at);
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return `${shifted.toISOString().slice(0, 19).replace('T', ' ')} ${zoneText(at)}`;
}

/** The zone of this machine at a time: `UTC`, `UTC+01:00`. */
export function zoneText(at: string | number): string {
  const offset = -new Date(at).getTimezoneOffset();
  if (offset === 0) return 'UTC';
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(offset);
  return `UTC${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** A wall time for people, local: `15:46`, on another day `Oct 19 15:46`, and in another year `Oct 19 2027 15:46`. */
export function localTime(at: number, now: number = Date.now()): string {
  const [date, today] = [new Date(at), new Date(now)];
  const clock = date.toTimeString().slice(0, 5);
  const day = date.toDateString();
  if (day === today.toDateString()) return clock;
  const isThisYear = date.getFullYear() === today.getFullYear();
  return `${day.slice(4, isThisYear ? 10 : 15)} ${clock}`;
}
