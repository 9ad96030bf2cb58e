/** Readers of names, signals, exit codes, choices and patterns. Each throws a UsageError with the nearest valid one. */

import { constants } from 'node:os';
import { signalName, signalNumber } from '../../core/signals.ts';
import { alike, didYouMean, quoted, UsageError } from '../usage-error.ts';
import { readInteger } from './amounts.ts';

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
    `unknown signal ${quoted(text)}${didYouMean(
      wanted.slice(3),
      names.map(name => name.slice(3)),
      name => `SIG${name}`,
    )}`,
  );
}

/** `0,3,78`: exit codes from 0 to 255. */
export function readCodes(text: string): number[] {
  return text.split(',').map(part => {
    const code = readInteger(part.trim());
    if (code > 255) throw new UsageError(`${quoted(part.trim())} is no exit code; they go from 0 to 255`);
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
  if (text.includes('\0')) throw new UsageError('has a NUL byte in it');
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
