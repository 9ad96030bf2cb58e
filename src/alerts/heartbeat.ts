/**
 * Tells a dead-man's switch elsewhere that all is well, as long as it is: what no watcher on this machine can report is the
 * death of this machine. Speaks the convention of healthchecks.io, or a plain GET.
 */
import { durationText } from '../core/text/units.ts';
import { shownUrl } from './target.ts';

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
