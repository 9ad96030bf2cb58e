import type { Category } from '../triage/rule.ts';

/**
 * What a statement of a program about its own end calls for.
 * - `quota`: an allowance is used up, until a time that may be named.
 * - `throttle`: too many requests at the moment; the next try may succeed.
 * - `login`: credentials that no restart renews.
 * - `context`: the conversation is too long for the model.
 * - `setup`: the command line or its surroundings are wrong for this program.
 * - `upstream`: the service behind it fails.
 */
export type StatementKind = 'quota' | 'throttle' | 'login' | 'context' | 'setup' | 'upstream';

/** One wording by which a program says why it cannot go on. */
export interface Statement {
  /** `program.what`, unique: part of the fingerprint of its incidents. */
  readonly id: string;
  readonly category: Category;
  readonly kind: StatementKind;
  /** An agent CLI's own words: a time in them is believed up to --max-wait, and exit code 0 does not contradict them. */
  readonly own: boolean;
  /** Tried on a line without its prefixes (timestamps, levels, "Error:", exception names), which the words begin. */
  readonly pattern: RegExp;
  /** It may stand anywhere in a line that is an error by its shape. */
  readonly anywhere?: boolean;
  /** A line of this kind: the statement's test. */
  readonly example: string;
  /** What to do about it, where the kind's own recommendation is too general. */
  readonly check?: string;
}

const checks: Readonly<Record<StatementKind, string>> = {
  quota:
    'The allowance of this account is used up. Wait for its reset, or raise the limit or the balance at the provider.',
  throttle: 'Too many requests at the moment. Lower the request rate, or let the program retry with a longer backoff.',
  login: 'Log in again on this machine as the user of the service, or renew its API key. The next start reads it.',
  context: 'The conversation is too long for the model. Start a new session, or give it less to read at once.',
  setup: 'Correct the command line or the settings of this program; a restart does not change them.',
  upstream: "The service behind it fails. Check the provider's status page; the next try may succeed.",
};

/** What to do about a statement. */
export const checkOf = ({ check, kind }: Statement): string => check ?? checks[kind];
