/** One JSON question over HTTP, for all providers that speak it. */
import { retryAfterMs } from '../core/retry-after.ts';
import type { Answered, Unanswered } from '../host/http-exchange.ts';
import { complaintOf, failureOfSilence, failureOfStatus, fieldsOf, parsed } from './http-failure.ts';
import { type Answer, type Failure, failure, type Patience } from './provider.ts';

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
  return { ...end, json: end.cut === null ? parsed(end.body) : undefined };
}

// Why a 200 holds no JSON, as a clause.
function notJson(answer: Answered): string {
  if (answer.cut === 'size') return `its answer is longer than ${answerLimitBytes >> 20} MiB`;
  if (answer.cut === 'time') return 'its answer did not end in time';
  if (answer.cut === 'lost') return 'its answer broke off';
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
    return { ...failed, why: `an error inside its 200: ${complaint.message}` };
  }
  return read(end.json);
}
