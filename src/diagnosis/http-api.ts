/** One JSON question over HTTP, for all providers that speak it. */
import { fieldsOf, parseJson } from '../core/shape.ts';
import { sizeText } from '../core/units.ts';
import { type Answered, retryAfterMs, type Unanswered } from '../host/http-exchange.ts';
import { type Answer, type Failure, failure, type Patience } from './endpoint.ts';

// What an HTTP status means for the next question: one table for all providers, since they agree where it matters.

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
function failureOfStatus(status: number, complaint: Complaint, retryAfterMs: number | null): Failure {
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
function failureOfSilence(end: Unanswered): Failure {
  return failure('later', end.why);
}

/** The error of a body: `{error: {message, type, code, param}}`, `{error: "…"}`, `{message}`, or the beginning of the text. */
function complaintOf(body: unknown, raw: string): Complaint {
  const error = fieldsOf(body)['error'] ?? body;
  if (typeof error === 'string') return { message: brief(error), names: '' };
  const { message, type, code, param } = fieldsOf(error);
  const names = [type, code, param].filter(name => typeof name === 'string').join(' ');
  if (typeof message === 'string') return { message: brief(message), names: names.toLowerCase() };
  return { message: brief(raw), names: names.toLowerCase() };
}

// Error texts come from a stranger's server and end in a status line.
const brief = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 200);

/** An answer is at most this long; a longer one is no answer to what was asked. */
const answerLimitBytes = 1 << 20;

/** What came, with the body's JSON (undefined if it is none or was cut). */
export type JsonAnswer = (Answered & { readonly json: unknown }) | Unanswered;

/** Posts `body` as JSON, or gets if it is null. Never rejects. */
export async function askJson(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: unknown,
  patience: Patience,
  proxyEnv: Readonly<Record<string, string | undefined>>,
): Promise<JsonAnswer> {
  // Loaded here: a watcher that asks nobody pays nothing for it.
  const { exchange } = await import('../host/http-exchange.ts');
  const end = await exchange({
    url,
    method: body === null ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === null ? null : JSON.stringify(body),
    timeLimitMs: patience.timeoutMs,
    answerLimitBytes,
    abort: patience.abort,
    proxyEnv,
  });
  if (end.kind === 'unanswered') return end;
  return { ...end, json: end.cut === null ? parseJson(end.body) : undefined };
}

// Why a 200 holds no JSON, as a clause.
function notJson(answer: Answered): string {
  if (answer.cut === 'size') return `its answer is longer than ${sizeText(answerLimitBytes)}`;
  if (answer.cut === 'time') return 'its answer did not end in time';
  if (answer.cut === 'lost') return 'its answer is incomplete';
  return answer.body.trim() === '' ? 'its answer is empty' : 'its answer is not JSON';
}

/** What an exchange came to: the 2xx's JSON for `read`, or the failure that the status, the body or the silence means. */
export function judge(end: JsonAnswer, read: (json: unknown) => Answer | Failure): Answer | Failure {
  if (end.kind === 'unanswered') return failureOfSilence(end);
  const waitMs = retryAfterMs(end.headers['retry-after'], Date.now());
  if (end.status < 200 || end.status > 299) return failureOfStatus(end.status, complaintOf(end.json, end.body), waitMs);
  if (end.json === undefined) return failure('later', notJson(end));
  const error = fieldsOf(end.json)['error'];
  // OpenRouter and some gateways send the upstream's error inside a 200, its status as `code`.
  if (error !== undefined && error !== null) {
    const code = Number(fieldsOf(error)['code']);
    const complaint = complaintOf(end.json, end.body);
    if (code >= 400 && code < 600) return failureOfStatus(code, complaint, waitMs);
    const failed = failureOfStatus(400, complaint, waitMs);
    return { ...failed, why: `an error inside its response of status 200: ${complaint.message}` };
  }
  return read(end.json);
}

// What to do about a model that the provider does not know: say which it knows, or take one if the user named none.

/** The ids in a list of models, in the provider's order: `{data: [{id}]}` or Ollama's `{models: [{name}]}`. None if it is no such list. */
export function modelsIn(answer: JsonAnswer): string[] {
  if (answer.kind === 'unanswered' || answer.status !== 200) return [];
  const { data, models } = fieldsOf(answer.json);
  const list = Array.isArray(data) ? data : Array.isArray(models) ? models : [];
  return list
    .map(entry => fieldsOf(entry)['id'] ?? fieldsOf(entry)['name'])
    .filter((id): id is string => typeof id === 'string' && /^[\x21-\x7e]{1,200}$/.test(id));
}

/** The first that writes text, as far as its name tells. */
export const firstThatWrites = (models: readonly string[]): string | undefined =>
  models.find(model => !/embed|whisper|tts|rerank|moderation|dall-e|clip|bge-/i.test(model));

/** The failure of an unknown model, with those that are known. */
export function unknownModel(model: string, host: string, known: readonly string[], said: Failure): Failure {
  // A model that is known nevertheless: then it is the address that is wrong.
  if (known.length === 0 || known.includes(model))
    return { ...said, why: `the model ${model} at ${host}: ${said.why}` };
  const shown = known.slice(0, 8).join(', ');
  const more = known.length > 8 ? `, and ${known.length - 8} more` : '';
  return failure('never', `the model ${model} is unknown at ${host}, which offers ${shown}${more}`);
}
