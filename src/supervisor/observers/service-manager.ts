import { healthRows } from '../../core/health-rows.ts';
import type { Policy, State } from '../../core/model.ts';
import { isReady, type ReadyWhen, serviceStatus } from '../../core/status.ts';
import { localTime, monoNow } from '../../host/clock.ts';
import type { Notifier } from '../../host/sd-notify.ts';
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
