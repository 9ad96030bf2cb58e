/**
 * Options whose values must not be seen by everybody on the machine, as a command line (ps) and a unit file are: they travel in the
 * environment, as AGENT_WATCH_OPTION_ALERT_WEBHOOK and, for the second of a repeatable option, AGENT_WATCH_OPTION_ALERT_WEBHOOK_2.
 */

import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { redact } from '../../incidents/redaction/redact.ts';
import { isOptionName, type OptionName, optionRow, watchOptionNames } from '../options/index.ts';
import type { GivenOption } from './invocation.ts';
import { OPTION_PREFIX, optionVariable } from './resolve-options.ts';

/** Options as they are written again for another start. */
export interface CarriedOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const secretName = /key|token|secret|pass|pwd|credential|auth|session|cookie|dsn|webhook|database_url|private/i;
/** An address that holds a user or a password. */
const withUser = /:\/\/[^/\s@]+@/;

/** Whether a text of this name is a secret. */
export function isSecret(name: string, text: string): boolean {
  if (secretName.test(name) || withUser.test(text)) return true;
  const whole = `${name}=${text}`;
  return redact(whole, []) !== whole;
}

/** Divides options between the command line and the environment. All values of one option stay together. */
export function carryOptions(given: readonly GivenOption[]): CarriedOptions {
  const args: string[] = [];
  const env: Record<string, string> = {};
  for (const name of watchOptionNames) {
    const texts = given.filter(option => option.name === name).map(option => option.text);
    if (texts.some(text => isHidden(name, text)))
      texts.forEach((text, index) => {
        env[optionVariable(name, index)] = text;
      });
    else for (const text of texts) args.push(...words(name, text));
  }
  return { args, env };
}

/** Whether the value of an option is a secret. */
export function isHidden(name: OptionName, text: string): boolean {
  const { kind } = optionRow(name);
  if (kind === 'secret-url') return !text.startsWith('@');
  if (kind === 'pair') {
    const equals = text.indexOf('=');
    return isSecret(text.slice(0, equals), text.slice(equals + 1));
  }
  return kind !== 'path' && (withUser.test(text) || redact(text, []) !== text);
}

function words(name: OptionName, text: string): string[] {
  if (optionRow(name).kind === 'switch') return [text === 'true' ? `--${name}` : `--${name}=${text}`];
  return text.startsWith('-') || text === '' ? [`--${name}=${text}`] : [`--${name}`, text];
}

/** The variables of this kind that are set, as they came. */
export function optionVariablesOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (name.startsWith(OPTION_PREFIX) && value !== undefined) found[name] = value;
  return found;
}

/**
 * The arguments with asterisks in place of each secret value: as long as they were, in bytes, so that they fit
 * in their place. Of an address the host stays. What is after the `--` is the child's, whose own command line shows it anyway.
 */
export function shownArguments(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    if (end >= 0 && index >= end) return word;
    const equals = word.indexOf('=');
    if (word.startsWith('--') && equals > 0)
      return `${word.slice(0, equals + 1)}${shown(word.slice(2, equals), word.slice(equals + 1))}`;
    return shown((argv[index - 1] ?? '').replace(/^--/, ''), word);
  });
}

function shown(option: string, text: string): string {
  if (!isOptionName(option) || !isHidden(option, text)) return text;
  const kept = option === 'env' ? text.slice(0, text.indexOf('=') + 1) : hostOf(text);
  return `${kept}${'*'.repeat(Math.max(0, Buffer.byteLength(text) - Buffer.byteLength(kept)))}`;
}

/** `https://host:port/`, without a user and a password. */
function hostOf(text: string): string {
  const { protocol, host } = URL.canParse(text) ? new URL(text) : { protocol: '', host: '' };
  const kept = `${protocol}//${host}/`;
  return host === '' || kept.length > text.length ? '' : kept;
}

/** Fields of /proc/self/stat, counted from 1: where in our memory the arguments begin and end. Source: proc(5). */
const ARG_START = 48;
const ARG_END = 49;

/**
 * Writes other words over those that `ps` shows of us, each as long as it was. In place, so that they stay apart; Node's
 * process.title, which makes one word of them, is what is left where our memory cannot be written (or is an emulator's).
 */
export function showArguments(before: readonly string[], after: readonly string[]): void {
  if (before.every((word, index) => word === after[index])) return;
  try {
    overwrite(before, after);
  } catch {
    // No /proc, or one that says no: macOS, gVisor, qemu.
    process.title = [process.argv0, ...after].join(' ');
  }
}

function overwrite(before: readonly string[], after: readonly string[]): void {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [start, end] = [ARG_START, ARG_END].map(number => Number(fields[number - 3]));
  const seen = readFileSync('/proc/self/cmdline');
  const tail = bytesOf(before);
  const shown = bytesOf(after);
  if (!start || end !== start + seen.length || shown.length !== tail.length) throw new Error('not where it should be');
  if (!seen.subarray(-tail.length).equals(tail)) throw new Error('not what we were given');
  const memory = openSync('/proc/self/mem', constants.O_RDWR);
  try {
    const at = end - tail.length;
    const there = Buffer.alloc(tail.length);
    readSync(memory, there, 0, there.length, at);
    if (!there.equals(tail)) throw new Error('our memory is elsewhere');
    writeSync(memory, shown, 0, shown.length, at);
  } finally {
    closeSync(memory);
  }
}

function bytesOf(words: readonly string[]): Buffer {
  return Buffer.from(words.map(word => `${word}\0`).join(''));
}
