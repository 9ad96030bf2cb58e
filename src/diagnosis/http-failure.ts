/** What an HTTP status means for the next question: one table for all providers, since they agree where it matters. */
import type { Unanswered } from '../host/http-exchange.ts';
import { type Failure, failure } from './provider.ts';

/** What a provider's error body says, in whichever shape it says it. */
export interface Complaint {
  readonly message: string;
  /** Its type, code and parameter, lower case, joined by blanks. */
  readonly names: string;
}

// An account without money answers 429 or 400: asking again cannot succeed.
const noMoney =
  /insufficient_quota|billing|credit balance|insufficient (?:credit|balance|funds)|spend(?:ing)? limit|exceeded your current quota/i;

/** The failure that a status other than 2xx, or an error inside a 200 with `status` as its code, stands for. */
export function failureOfStatus(status: number, complaint: Complaint, retryAfterMs: number | null): Failure {
  const said = complaint.message === '' ? '' : `: ${complaint.message}`;
  const text = `it answered ${status}${said}`;
  if (noMoney.test(`${complaint.names} ${complaint.message}`)) return failure('never', `${text} (the account)`);
  if (status === 401 || status === 403) return failure('never', `${text} (the key was refused)`);
  if (status === 402) return failure('never', `${text} (the account)`);
  if (status === 404) return failure('never', text);
  if (status >= 300 && status < 400)
    return failure('never', `it answered ${status}, a redirect, which is not followed: give the final address`);
  if (status === 408 || status === 429 || status >= 500) return failure('again', text, retryAfterMs);
  return failure('later', text);
}

/** No status line: dead, unreachable or silent. Not tried again at once, since it would most likely wait as long again. */
export function failureOfSilence(end: Unanswered): Failure {
  return failure('later', end.why);
}

/** The error of a body: `{error: {message, type, code, param}}`, `{error: "…"}`, `{message}`, or the beginning of the text. */
export function complaintOf(body: unknown, raw: string): Complaint {
  const error = fieldsOf(body)['error'] ?? body;
  if (typeof error === 'string') return { message: brief(error), names: '' };
  const { message, type, code, param } = fieldsOf(error);
  const names = [type, code, param].filter(name => typeof name === 'string').join(' ');
  if (typeof message === 'string') return { message: brief(message), names: names.toLowerCase() };
  return { message: brief(raw), names: names.toLowerCase() };
}

/** An object's fields; of anything else, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** The parsed JSON, or undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A page of some proxy, or a cut answer: the caller says so in its own words.
    return undefined;
  }
}

// Error texts come from a stranger's server and end in a status line.
const brief = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 200);
