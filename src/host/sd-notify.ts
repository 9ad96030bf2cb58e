/** Messages to systemd: datagrams from this very process, so that a unit needs no more than `NotifyAccess=main`. Source: sd_notify(3). */
import { reasonOf } from './errno.ts';
import type { Libc } from './libc.ts';

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
