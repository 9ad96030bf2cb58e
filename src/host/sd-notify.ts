/**
 * Messages to systemd. They are datagrams to a Unix socket, which Node does not have: `systemd-notify` sends them, one process a message,
 * and waits until systemd has read it. So the unit needs NotifyAccess=all. A native addon was rejected: it would have to be
 * unpacked from the executable at every start.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

/** What a message says: READY, STATUS, WATCHDOG, STOPPING, EXTEND_TIMEOUT_USEC. */
type Notification = Readonly<Record<string, string>>;

export interface Notifier {
  /** Sends, now or after the message that is on its way; what waits meanwhile goes as one message, the later value of a field. */
  send(fields: Notification): void;
  /** Waits until everything has been said, so long at most. */
  settle(ms: number): Promise<void>;
}

const HELPER = 'systemd-notify';
/** Where it lies in every distribution, for units whose PATH is only the command's. */
const USUAL_FOLDERS = ['/usr/bin', '/bin'];
/** A helper that systemd does not answer is ended: systemd is busy, or dying. */
const PATIENCE_MS = 5000;
const AGAIN_MS = 1000;

/** The helper's path, or null where systemd is not installed whole. */
export function findNotifyHelper(path: string | undefined): string | null {
  for (const folder of [...(path ?? '').split(':'), ...USUAL_FOLDERS]) {
    if (!folder.startsWith('/')) continue;
    try {
      accessSync(join(folder, HELPER), constants.X_OK);
      return join(folder, HELPER);
    } catch {
      // Not in this one.
    }
  }
  return null;
}

/** @param warn is told once if messages do not get through; the service then runs on without them. */
export function createNotifier(socket: string, helper: string, warn: (text: string) => void): Notifier {
  let pending: Notification | null = null;
  let sending: Promise<void> | null = null;
  let warned = false;

  async function sendAll(): Promise<void> {
    while (pending !== null) {
      const fields: Notification = pending;
      pending = null;
      const why = await call(helper, socket, fields);
      if (why === null) continue;
      if (!warned) warn(`systemd was not told how this service is doing (${why}); it is tried again`);
      warned = true;
      // What matters is said again, under what came meanwhile; a ping that was not heard is made up for by the next.
      const { WATCHDOG: _ping, ...lasting } = fields;
      pending = { ...lasting, ...(pending as Notification | null) };
      if (Object.keys(pending).length === 0) pending = null;
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS));
    }
    sending = null;
  }

  return {
    send(fields) {
      pending = { ...pending, ...fields };
      sending ??= sendAll();
    },
    async settle(ms) {
      if (sending === null) return;
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        sending,
        new Promise<void>(resolve => {
          timer = setTimeout(resolve, ms);
        }),
      ]);
      clearTimeout(timer);
    },
  };
}

/** One message. Returns why it did not get through, or null. */
async function call(helper: string, socket: string, fields: Notification): Promise<string | null> {
  const words = Object.entries(fields).map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`);
  const subprocess = execa(helper, words, {
    env: { NOTIFY_SOCKET: socket },
    extendEnv: false,
    cwd: '/',
    stdio: 'ignore',
    buffer: false,
    cleanup: false,
    reject: false,
    verbose: 'none',
  });
  const timer = setTimeout(() => subprocess.nodeChildProcess.kill('SIGKILL'), PATIENCE_MS);
  const result = await subprocess;
  clearTimeout(timer);
  if (result.exitCode === 0) return null;
  if (result.exitCode !== undefined) return `${HELPER} exited with ${result.exitCode}`;
  return `${HELPER}: ${result.signal ?? result.code ?? 'not started'}`;
}
