/** One try to deliver one alert. Never rejects. */

import { durationText } from '../core/text/units.ts';
import { reasonOf } from '../host/errno.ts';
import { type Answered, retryAfterMs } from '../host/http-exchange.ts';
import { openToAppend } from '../host/read-file.ts';
import { type Alert, bare, withoutLog } from './alert.ts';
import { detailLines, render } from './formats.ts';
import type { Target } from './target.ts';

/**
 * What came of it. `failed`: may succeed later, not before `retryAfterMs` if the receiver said so. `refused`: it was reached and
 * did not like this very alert. `dead`: it will not take any. `aborted`: we gave up, since the watcher stops.
 */
export type SendResult =
  | { readonly kind: 'delivered' | 'aborted' }
  | { readonly kind: 'failed'; readonly why: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused' | 'dead'; readonly why: string };

/** What a try runs with. */
export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

const webhookLimitMs = 10_000;
const commandLimitMs = 30_000;
// Nobody reads more than a retry_after and a word of complaint.
const answerLimitBytes = 16 * 1024;

/** Tries once. An alert that was refused before is sent with the least that is worth it. */
export function deliver(
  target: Target,
  alert: Alert,
  refusals: number,
  around: Environment,
  abort: AbortSignal,
): Promise<SendResult> {
  if (abort.aborted) return Promise.resolve({ kind: 'aborted' });
  if (target.kind === 'webhook') return post(target, refusals > 0 ? bare(alert) : alert, around, abort);
  if (target.kind === 'command') return run(target.command, alert, around, abort);
  return append(target.path, alert);
}

async function post(
  target: Extract<Target, { kind: 'webhook' }>,
  alert: Alert,
  { env }: Environment,
  abort: AbortSignal,
): Promise<SendResult> {
  // Loaded here: most lives have nothing to tell.
  const { exchange } = await import('../host/http-exchange.ts');
  const { headers, body } = render(target.format, target.withLog ? alert : withoutLog(alert));
  const end = await exchange({
    url: target.url,
    method: 'POST',
    headers,
    body,
    timeLimitMs: webhookLimitMs,
    answerLimitBytes,
    abort,
    proxyEnv: env,
  });
  if (end.kind === 'answered') return meaningOf(end);
  return end.fault === 'aborted' ? { kind: 'aborted' } : { kind: 'failed', why: end.why, retryAfterMs: null };
}

function meaningOf(answer: Answered): SendResult {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const why = `it answered ${status}`;
  if (status >= 300 && status < 400) return { kind: 'dead', why: `${why}, a redirect: give the final address` };
  if ([401, 403, 404, 405, 410].includes(status)) return { kind: 'dead', why };
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return {
      kind: 'failed',
      why,
      retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()) ?? discordWaitMs(answer),
    };
  return { kind: 'refused', why };
}

// `{"retry_after": 1.5}`, in seconds.
function discordWaitMs({ status, body }: Answered): number | null {
  const found = status === 429 ? /"retry_after"\s*:\s*(\d+(?:\.\d+)?)/.exec(body) : null;
  return found === null ? null : Math.ceil(Number(found[1]) * 1000);
}

async function run(command: string, alert: Alert, { env, cwd }: Environment, abort: AbortSignal): Promise<SendResult> {
  const { runShell } = await import('../host/run-command.ts');
  const input = `${JSON.stringify(alert)}\n`;
  const limits = { timeLimitMs: commandLimitMs, outputLimitBytes: 1 << 20 };
  try {
    const { code, signal, over } = await runShell({ command, input, cwd, env, ...limits, abort });
    if (over === 'aborted') return { kind: 'aborted' };
    // One that writes without end got the alert nevertheless.
    if (over === 'size' || code === 0) return { kind: 'delivered' };
    const why =
      over === 'time' ? `it did not end in ${durationText(commandLimitMs)}` : `it ended with ${signal ?? code}`;
    return { kind: 'failed', why, retryAfterMs: null };
  } catch (error) {
    return { kind: 'failed', why: reasonOf(error), retryAfterMs: null };
  }
}

async function append(path: string, alert: Alert): Promise<SendResult> {
  const lines = [`${alert.at} ${alert.text}`];
  for (const line of [...detailLines(alert), ...alert.earlier, ...alert.tail.map(text => `| ${text}`)])
    lines.push(`    ${line.replace(/\n/g, ' ')}`);
  try {
    const file = await openToAppend(path);
    try {
      await file.appendFile(`${lines.join('\n')}\n`);
    } finally {
      await file.close();
    }
    return { kind: 'delivered' };
  } catch (error) {
    return { kind: 'failed', why: reasonOf(error), retryAfterMs: null };
  }
}
