import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { healthRows } from '../../core/health-model.ts';
import type { Policy, State } from '../../core/model.ts';
import { isReady, type ReadyWhen, serviceStatus } from '../../core/status.ts';
import { clipStartBytes } from '../../core/text.ts';
import { durationText, exitText } from '../../core/units.ts';
import { atMost, localTime, monoNow, zonedTime } from '../../host/clock.ts';
import type { Libc } from '../../host/libc.ts';
import { reasonOf } from '../../host/read-file.ts';
import type { Incident } from '../../incidents/incident.ts';
import type { Observer } from './observer.ts';

export interface ServiceOrder {
  notifier: Notifier;
  readyWhen: ReadyWhen;
  policy: Policy;
  /** How often systemd wants to hear from us, in ms; null: never. */
  watchdogMs: number | null;
}

const STATUS_EVERY_MS = 1000;
/** While it is stopping systemd is asked for so much more time, again and again. */
const EXTEND_MS = 20_000;
const EXTEND_EVERY_MS = 5000;
const SETTLE_MS = 500;

/**
 * Tells systemd what each saved state means to it: READY once, with the first STATUS; a STATUS when it has changed, once a second
 * at most; STOPPING, and that it takes longer, as long as it does.
 */
export function createServiceManager({ notifier, readyWhen, policy, watchdogMs }: ServiceOrder): Observer {
  const timers: NodeJS.Timeout[] = [];
  let ready = false;
  let stopping = false;
  let said = '';
  let saidAt = 0;
  let later: NodeJS.Timeout | null = null;
  let status = '';
  let stuck = false;

  // A quarter of what is asked, so that one lost ping is no death. The timer's turn is the loop's own: a supervisor that hangs in a
  // step, or is stopped, sends none. setImmediate adds that the loop came round through everything else that was due.
  if (watchdogMs !== null)
    timers.push(setInterval(() => setImmediate(() => notifier.send({ WATCHDOG: '1' })), watchdogMs / 4));

  function say(fields: Record<string, string>): void {
    if (later !== null) clearTimeout(later);
    later = null;
    said = status;
    saidAt = monoNow();
    notifier.send({ ...fields, STATUS: status });
  }

  function saySoon(): void {
    if (status === said || later !== null) return;
    const waitMs = saidAt + STATUS_EVERY_MS - monoNow();
    if (waitMs <= 0) say({});
    else later = setTimeout(() => say({}), waitMs);
  }

  function beginStop(): void {
    stopping = true;
    const extend = { EXTEND_TIMEOUT_USEC: String((policy.stopTimeoutMs + EXTEND_MS) * 1000) };
    say({ STOPPING: '1', ...extend });
    const again = { EXTEND_TIMEOUT_USEC: String(EXTEND_MS * 1000) };
    // What we cannot end, systemd shall try to, at the end of the time that it gives.
    timers.push(setInterval(() => void (stuck || notifier.send(again)), EXTEND_EVERY_MS));
  }

  return {
    see(state) {
      status = statusOf(policy, state);
      stuck = state.stuck !== null;
      if (!ready && isReady(state, readyWhen)) {
        ready = true;
        say({ READY: '1' });
      }
      if (state.leaving !== null && !stopping) beginStop();
      else if (ready) saySoon();
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      if (later !== null) clearTimeout(later);
      await notifier.settle(SETTLE_MS);
    },
  };
}

function statusOf({ health }: Policy, state: State): string {
  const { phase } = state;
  const rows = phase.kind === 'running' ? healthRows(health, phase.live.health, at => new Date(at).toISOString()) : [];
  return serviceStatus(state, rows, at => localTime(at));
}

/** WATCHDOG_USEC in ms, if it is meant for this process; null if no pings are expected. Source: sd_watchdog_enabled(3). */
export function watchdogMsOf(env: Readonly<Record<string, string | undefined>>, pid: number): number | null {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: whose } = env;
  if (usec === undefined || !/^[1-9]\d*$/.test(usec) || (whose !== undefined && whose !== String(pid))) return null;
  return Number(usec) / 1000;
}

// The last incident where Kubernetes looks for why a container ended: what lies in this file at its end becomes the message of
// its last state. Source: the field terminationMessagePath of a container.

/** Kubernetes takes no more. */
const MOST_BYTES = 4096;
const END_MS = 500;
const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK, O_TRUNC } = constants;

/** Keeps the file at the newest incident, each time at once: a container that is killed writes no last words. Never makes the file. */
export function createTerminationLog(path: string, warn: (text: string) => void): Observer {
  let writing: Promise<void> = Promise.resolve();
  let warned = false;

  async function write(text: string): Promise<void> {
    try {
      const file = await open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK);
      await file.writeFile(text).finally(() => file.close());
    } catch (error) {
      if (!warned) warn(`${path} was not written (${reasonOf(error)})`);
      warned = true;
    }
  }

  return {
    opened(incident) {
      const text = summaryOf(incident);
      writing = writing.then(() => write(text));
    },
    async close() {
      await atMost(END_MS, writing);
    },
  };
}

/** What the incident says, redacted as it is, without lines of the log but the one that tells most. */
function summaryOf(incident: Incident): string {
  const { name, kind, category, exit, uptimeMs, at, reasons, keyLine, evidence, recommendation, id } = incident;
  const lines = [
    `${name}: ${kind}, ${category}; ${exitText(exit)} after ${durationText(uptimeMs)}, at ${zonedTime(at)}`,
    ...reasons.map(reason => `by ${reason.name}: ${reason.detail}`),
    ...(keyLine === null ? [] : [clipStartBytes(keyLine, MOST_BYTES / 2)]),
    recommendation,
    ...evidence.map(sentence => `evidence: ${sentence}`),
    `incident ${id}`,
  ];
  return clipStartBytes(`${lines.join('\n')}\n`, MOST_BYTES);
}

// Messages to systemd: datagrams from this very process, so that a unit needs no more than `NotifyAccess=main`. Source: sd_notify(3).

/** What a message says: READY, STATUS, WATCHDOG, STOPPING, EXTEND_TIMEOUT_USEC. */
type Notification = Readonly<Record<string, string>>;

export interface Notifier {
  /** Sends at once. What does not get through is tried again, together with what comes meanwhile: the later value of a field. */
  send(fields: Notification): void;
  /** Waits until everything has been sent, for at most the given time. */
  settle(ms: number): Promise<void>;
}

const AGAIN_MS = 1000;
const LOOK_MS = 10;

/** @param warn is told once if messages do not get through; the service then runs on without them. */
export function createNotifier(socket: string, { sendDatagram }: Libc, warn: (text: string) => void): Notifier {
  let unsent: Notification = {};
  let timer: NodeJS.Timeout | null = null;
  let warned = false;

  function attempt(): void {
    timer = null;
    const text = Object.entries(unsent).map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`);
    if (text.length === 0) return;
    try {
      sendDatagram(socket, Buffer.from(text.join('\n')));
      unsent = {};
    } catch (error) {
      // EAGAIN: systemd is busy and its queue is full. ECONNREFUSED, ENOENT: it is being started anew.
      if (!warned) warn(`systemd was not told how this service is doing (${reasonOf(error)}); it is tried again`);
      warned = true;
      // A ping that was not heard is made up for by the next.
      const { WATCHDOG: _ping, ...lasting } = unsent;
      unsent = lasting;
      timer = setTimeout(attempt, AGAIN_MS);
    }
  }

  return {
    send(fields) {
      unsent = { ...unsent, ...fields };
      if (timer === null) attempt();
    },
    async settle(ms) {
      for (let waitedMs = 0; timer !== null && waitedMs < ms; waitedMs += LOOK_MS)
        await new Promise(resolve => setTimeout(resolve, LOOK_MS));
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
