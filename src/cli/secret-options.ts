/**
 * Options whose values must not be seen by everybody on the machine, as a command line (ps) and a unit file are: they travel in the
 * environment, as AGENT_WATCH_OPTION_ALERT_WEBHOOK and, for the second of a repeatable option, AGENT_WATCH_OPTION_ALERT_WEBHOOK_2.
 */
import { redact } from '../incidents/redaction/redact.ts';
import { OPTION_PREFIX, optionVariable } from './option-variables.ts';
import { type OptionName, optionRow, watchOptionNames } from './options.ts';
import type { GivenOption } from './settings.ts';

/** Options as they are written again for another start. */
export interface CarriedOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const secretName = /key|token|secret|pass|pwd|credential|auth|session|cookie|dsn|webhook|database_url|private/i;
/** An address that holds a user or a password. */
const withUser = /:\/\/[^/\s@]+@/;

/** Whether a text of this name is nobody else's business. */
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
    if (texts.some(text => hidesText(name, text)))
      texts.forEach((text, index) => {
        env[optionVariable(name, index)] = text;
      });
    else for (const text of texts) args.push(...words(name, text));
  }
  return { args, env };
}

/** Whether a value of an option is nobody else's business. */
export function hidesText(name: OptionName, text: string): boolean {
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
