/** One try to deliver one alert. Never rejects. */
import { durationText } from '../core/units.ts';
import { type Answered, retryAfterMs } from '../host/http-exchange.ts';
import { openToAppend, reasonOf } from '../host/read-file.ts';
import { type Alert, bare, withoutLog } from './alert.ts';
import { detailLines, render } from './formats.ts';
import { shownUrl, type Target } from './target.ts';

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

// Tells a dead-man's switch elsewhere that all is well, as long as it is: what no watcher on this machine can report is the
// death of this machine. Speaks the convention of healthchecks.io, or a plain GET.

/** Where and how often. */
export interface HeartbeatSettings {
  readonly url: URL;
  readonly intervalMs: number;
  /** The watcher's environment, for the proxy. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface HeartbeatPorts {
  readonly after: (delayMs: number, act: () => void) => () => void;
  readonly say: (line: string) => void;
}

/** Every method returns at once and never throws. */
export interface Heartbeat {
  /** A run began. */
  started(): void;
  /** Running or healthy (a ping now and at each interval), or neither (silence). */
  well(isWell: boolean): void;
  /** A run ended: badly (the code, or null if a signal ended it or it never started), as planned, or because it was asked to. */
  ended(how: 'crashed' | 'succeeded' | 'asked', code: number | null): void;
  /** Sends what waits, without the usual distance and for at most that long, and is closed then. */
  finish(limitMs: number): Promise<void>;
  close(): void;
}

const limitMs = 10_000;
const spacingMs = 1000;
const uuid = /\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether the address is one of healthchecks.io or of a server of the same kind, where signals are paths below it. */
export const speaksHealthchecks = ({ hostname, pathname }: URL): boolean =>
  hostname === 'hc-ping.com' || uuid.test(pathname.replace(/\/+$/, ''));

/** A heartbeat at one address. */
export function createHeartbeat(settings: HeartbeatSettings, ports: HeartbeatPorts): Heartbeat {
  const abort = new AbortController();
  const hasSignals = speaksHealthchecks(settings.url);
  let isWell = false;
  let failing = false;
  let callOff = () => {};
  let waiting: string[] = [];
  let busy = false;
  let hurried = false;
  let onIdle = () => {};
  let skipWait = () => {};

  const next = () => {
    const signal = waiting.shift();
    busy = signal !== undefined;
    if (signal === undefined) return onIdle();
    void send(settings, signal, abort.signal).then(why => {
      if (abort.signal.aborted) return;
      if (why !== null && !failing)
        ports.say(
          `heartbeat to ${shownUrl(settings.url)} failed: ${why}; next in ${durationText(settings.intervalMs)}`,
        );
      if (why === null && failing) ports.say(`heartbeat to ${shownUrl(settings.url)} is back`);
      failing = why !== null;
      // A crash loop must not become a flood of pings, which such services turn away.
      if (hurried) return next();
      const goOn = () => {
        callOffWait();
        skipWait = () => {};
        next();
      };
      const callOffWait = ports.after(spacingMs, goOn);
      skipWait = goOn;
    });
  };
  // In order, since a /start after its success would say the opposite; and only the last ones: what is late is of no use.
  const ping = (signal: string) => {
    if (abort.signal.aborted) return;
    waiting = [...waiting, signal].slice(-2);
    if (!busy) next();
  };
  const beat = () => {
    ping('');
    callOff = ports.after(settings.intervalMs, beat);
  };
  const silence = () => {
    isWell = false;
    callOff();
  };
  const close = () => {
    silence();
    abort.abort();
  };
  return {
    started() {
      if (hasSignals) ping('/start');
    },
    well(now) {
      if (now === isWell) return;
      silence();
      isWell = now;
      if (isWell) beat();
    },
    ended(how, code) {
      silence();
      if (how === 'succeeded') ping('');
      if (how === 'crashed' && hasSignals) ping(code !== null && code >= 1 && code <= 255 ? `/${code}` : '/fail');
    },
    async finish(leaveMs) {
      silence();
      hurried = true;
      let callOffLimit = () => {};
      await new Promise<void>(resolve => {
        onIdle = resolve;
        callOffLimit = ports.after(leaveMs, resolve);
        skipWait();
        if (!busy) resolve();
      });
      callOffLimit();
      close();
    },
    close,
  };
}

// Null if it arrived, else why not.
async function send({ url, env }: HeartbeatSettings, signal: string, abort: AbortSignal): Promise<string | null> {
  // Loaded here, after the child is up.
  const { exchange } = await import('../host/http-exchange.ts');
  const target = new URL(url);
  target.pathname = target.pathname.replace(/\/+$/, '') + signal;
  const end = await exchange({
    url: signal === '' ? url : target,
    method: 'GET',
    headers: {},
    body: null,
    timeLimitMs: limitMs,
    answerLimitBytes: 4096,
    abort,
    proxyEnv: env,
  });
  if (end.kind === 'unanswered') return end.why;
  return end.status >= 200 && end.status < 300 ? null : `it answered ${end.status}`;
}
