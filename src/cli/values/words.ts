/** Readers of names, signals, exit codes, choices and patterns. Each throws a UsageError with the nearest valid one. */
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { type SecretUrl, webUrl } from '../../alerts/target.ts';
import { signalName, signalNumber } from '../../core/signals.ts';
import type { MetricsPlace } from '../../probes/kill-when/sources.ts';
import { alike, didYouMean, quoted, UsageError } from '../usage-error.ts';
import { readDuration, readInteger, readSize } from './amounts.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** The name of a watcher: it becomes a folder, a socket and a unit, so only what is harmless in all of them. */
export function readName(text: string): string {
  if (namePattern.test(text)) return text;
  const guess = sanitisedName(text);
  const write = guess === '' ? 'such as my-agent' : `the nearest is ${guess}`;
  throw new UsageError(
    `invalid name ${quoted(text)} (letters, digits, . _ @ -, at most 64, a letter or digit first); ${write}`,
  );
}

/** What of `text` may be a watcher's name; empty where nothing may. */
export function sanitisedName(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._@-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
    .replace(/[-.]+$/, '');
}

/** `TERM`, `SIGTERM`, `term` or `15` as this system's name of the signal. */
export function readSignal(text: string): NodeJS.Signals {
  const names = Object.keys(constants.signals) as NodeJS.Signals[];
  const upper = text.toUpperCase();
  const wanted = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const found = names.find(name => name === wanted || String(constants.signals[name]) === text);
  if (found !== undefined) return found;
  // Real-time ones, by name or number, which Node has no names for.
  const number = /^\d+$/.test(text) ? signalNumber(signalName(Number(text))) : signalNumber(wanted);
  if (number !== null && process.platform === 'linux') return signalName(number);
  if (/^\d+$/.test(text)) throw new UsageError(`invalid signal number ${quoted(text)}; write a name such as SIGTERM`);
  throw new UsageError(
    // Of three letters nearly all are alike, and most signals end what gets them.
    `unknown signal ${quoted(text)}${didYouMean(
      wanted.slice(3),
      wanted.length > 6 ? names.map(name => name.slice(3)) : [],
      name => `SIG${name}`,
    )}`,
  );
}

/** `0,3,78`: exit codes from 0 to 255. */
export function readCodes(text: string): number[] {
  return text.split(',').map(part => {
    const code = readInteger(part.trim());
    if (code > 255) throw new UsageError(`invalid exit code ${quoted(part.trim())}; exit codes go from 0 to 255`);
    return code;
  });
}

/** One of `choices`, exactly as written. */
export function readChoice<T extends string>(text: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`${quoted(text)} is not one of ${choices.join(', ')}${slipOf(text, choices)}`);
}

/** The choices are listed already; the one that was probably meant is named too. */
function slipOf(text: string, choices: readonly string[]): string {
  const meant = alike(text, choices);
  return meant === null ? '' : `; did you mean ${meant}?`;
}

/** Several of `choices`, separated by commas. */
export function readChoices<T extends string>(text: string, choices: readonly T[]): T[] {
  return text.split(',').map(part => readChoice(part.trim(), choices));
}

/**
 * A JavaScript regular expression, compiled. A leading `(?i)`, as Python, Go and grep -P users write it, is understood,
 * though JavaScript itself only knows flags.
 */
export function readRegex(text: string): RegExp {
  const inline = /^\(\?([ims]+)\)/.exec(text);
  try {
    return inline === null ? new RegExp(text) : new RegExp(text.slice(inline[0].length), inline[1]);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
    throw new UsageError(`invalid regular expression: ${reason}`);
  }
}

/** A switch in a file or after `=`. */
export function readSwitch(text: string): boolean {
  return readChoice(text, ['true', 'false']) === 'true';
}

/** Text that must be there; what it means is for the part that uses it. */
export function readText(text: string): string {
  if (text.includes('\0')) throw new UsageError('contains a NUL byte');
  return text;
}

/** An IANA time zone that this runtime knows. */
export function readTimezone(text: string): string {
  if (text === 'local') return text;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    // The constructor says only that it is invalid; which one was meant is ours to say.
    throw new UsageError(`unknown time zone ${quoted(text)}${didYouMean(text, Intl.supportedValuesOf('timeZone'))}`);
  }
}

// Readers of paths, addresses and pairs. `base` is the folder that relative paths are taken from.

/** An absolute path. */
export function readPath(text: string, base: string): string {
  if (text.includes('\0')) throw new UsageError('a path cannot contain a NUL byte');
  return resolve(base, text);
}

export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** `KEY=value`, as for an environment. */
export function readPair(text: string): Pair {
  const equals = text.indexOf('=');
  if (equals < 0) throw new UsageError(`${quoted(text)} has no value; write ${text}=value`);
  if (equals === 0) throw new UsageError(`${quoted(text)} has no name before the "="; write NAME${text.slice(0, 40)}`);
  if (text.includes('\0')) throw new UsageError('an environment cannot contain a NUL byte');
  return { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

export interface PlaceAndTime {
  readonly place: string;
  readonly ms: number;
}

/** `PATH=20m` or `GLOB=2h`; the last `=` divides, so a path may hold one. */
export function readPlaceAndTime(text: string, base: string): PlaceAndTime {
  const equals = text.lastIndexOf('=');
  if (equals <= 0) throw new UsageError(`${quoted(text)} has no time; write ${text.replace(/=.*$/, '') || 'PATH'}=20m`);
  const ms = readDuration(text.slice(equals + 1));
  if (ms === 0) throw new UsageError(`${quoted(text)} leaves no time; write one such as 20m`);
  return { place: readPath(text.slice(0, equals), base), ms };
}

export interface SizeAndPlace {
  readonly bytes: number;
  readonly place: string | null;
}

/** `1G` or `1G=PATH`. */
export function readSizeAndPlace(text: string, base: string): SizeAndPlace {
  const equals = text.indexOf('=');
  if (equals < 0) return { bytes: readSize(text), place: null };
  if (equals === text.length - 1) throw new UsageError(`${quoted(text)} names no folder; write ${text}/`);
  return { bytes: readSize(text.slice(0, equals)), place: readPath(text.slice(equals + 1), base) };
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** `8080`, `localhost:8080` or `[::1]:8080`; without a host it is 127.0.0.1. */
export function readHostAndPort(text: string): HostAndPort {
  const match = /^(?:(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]/]*)):)?(\d{1,5})$/.exec(text);
  if (match === null) throw new UsageError(`invalid port ${quoted(text)}; write one such as 8080 or localhost:8080`);
  const port = Number(match[3]);
  if (port < 1 || port > 65535) throw new UsageError(`invalid port ${quoted(text)}; ports go from 1 to 65535`);
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** An http or https address, as the URL parser writes it. */
export function readUrl(text: string): string {
  const url = webUrl(text);
  if (url !== null) return url.href;
  const guess = /^[\w.-]+(:\d+)?(\/|$)/.test(text) ? `http://${text}` : 'http://127.0.0.1:8080/health';
  throw new UsageError(`invalid address ${quoted(text)}; write one such as ${guess}`);
}

/** `URL` or `@FILE`. What was written is not repeated in the message: it may be a secret with a typo in it. */
export function readSecretUrl(text: string, base: string): SecretUrl {
  if (text.startsWith('@') && text.length > 1) return { file: readPath(text.slice(1), base) };
  const url = webUrl(text.trim());
  if (url === null)
    throw new UsageError('invalid http or https address; write https://… or @FILE (not shown: it may be a secret)');
  return { url };
}

/** `FILE`, `URL`, `exec:COMMAND`, `output` or `output:/REGEX/`. */
export function readMetricsSource(text: string, base: string): MetricsPlace {
  if (text === 'output') return { kind: 'output', pattern: null };
  const pattern = /^output:\/(.*)\/$/s.exec(text);
  if (pattern !== null) return { kind: 'output', pattern: readRegex(pattern[1]!) };
  if (text.startsWith('output:'))
    throw new UsageError(`${quoted(text)} has no pattern between slashes; write output:/REGEX/`);
  if (text === 'exec:') throw new UsageError('"exec:" names no command; write exec:COMMAND');
  if (text.startsWith('exec:')) return { kind: 'exec', command: text.slice(5) };
  if (/^https?:\/\//i.test(text)) return { kind: 'url', url: readUrl(text) };
  return { kind: 'file', path: readPath(text, base) };
}

/** The same value with its path made absolute, for a command line that is written again to run from elsewhere. */
export function absoluteText(kind: string, text: string, base: string): string {
  if (text === '') return text;
  const equals = kind === 'path-time' ? text.lastIndexOf('=') : text.indexOf('=');
  if (kind === 'path') return resolve(base, text);
  if (kind === 'stdin') return text === 'inherit' || text === 'null' ? text : resolve(base, text);
  if (kind === 'path-time' && equals > 0) return resolve(base, text.slice(0, equals)) + text.slice(equals);
  if (kind === 'size-path' && equals > 0) return text.slice(0, equals + 1) + resolve(base, text.slice(equals + 1));
  if (kind === 'secret-url' && text.startsWith('@')) return `@${resolve(base, text.slice(1))}`;
  const plainFile = kind === 'metrics' && !/^(?:output$|output:|exec:|https?:\/\/)/i.test(text);
  return plainFile ? resolve(base, text) : text;
}
