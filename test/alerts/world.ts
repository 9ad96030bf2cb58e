import { afterEach } from 'vitest';
import type { AlertEvent, AlertKind } from '../../src/alerts/alert.ts';
import { createAlerts } from '../../src/alerts/alerts.ts';
import { readTargets, type TargetSettings, type Webhook } from '../../src/alerts/target.ts';
import { type LocalServer, localServer } from '../servers/local-server.ts';

export function eventOf(event: AlertKind, more: Partial<AlertEvent> = {}): AlertEvent {
  return {
    event,
    cause: null,
    at: Date.parse('2026-11-01T03:00:00Z'),
    incidentId: null,
    reason: null,
    category: null,
    keyLine: null,
    exit: null,
    oom: 'no',
    uptimeMs: null,
    downMs: null,
    restarts: { total: 4, window: 4 },
    nextRestartInMs: null,
    probe: null,
    prior: null,
    tail: [],
    diagnosis: null,
    ...more,
  };
}

/** A clock that moves only when told to. */
export class Clock {
  now = 1_000_000;
  timers: { at: number; act: () => void }[] = [];

  after = (delayMs: number, act: () => void) => {
    const timer = { at: this.now + delayMs, act };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter(other => other !== timer);
    };
  };

  advance(ms: number) {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter(timer => timer !== next);
      this.now = Math.max(this.now, next.at);
      next.act();
    }
    this.now = end;
  }
}

export const allKinds: AlertKind[] = [
  'flap',
  'slow-loop',
  'hold',
  'unhealthy',
  'recovered',
  'unusual',
  'crash',
  'start',
  'stop',
];

interface Options extends Partial<Omit<TargetSettings, 'webhooks'>> {
  /** `URL`, or `@` and a path. */
  webhooks?: string[];
  env?: Record<string, string | undefined>;
  cwd?: string;
  on?: AlertKind[];
  cooldownMs?: number;
  clean?: (text: string) => string;
}

/** A webhook as an option names it: `URL`, or `@` and a path. */
export const webhook = (text: string): Webhook => ({
  target: text.startsWith('@') ? { file: text.slice(1) } : { url: new URL(text) },
  from: 'option',
});

/** Alerts in a world whose file and clock outlive them. */
export function world({ on = allKinds, cooldownMs = 900_000, clean = text => text, ...more }: Options = {}) {
  const clock = new Clock();
  const said: string[] = [];
  const disk = { file: null as string | null, full: false };
  let ids = 0;
  const { targets } = readTargets({
    ...{ format: null, commands: [], files: [] },
    ...more,
    webhooks: (more.webhooks ?? []).map(webhook),
  });
  const start = () =>
    createAlerts(
      {
        name: 'my_agent',
        host: 'box',
        on: new Set(on),
        cooldownMs,
        targets,
        env: more.env ?? {},
        cwd: more.cwd ?? '/',
      },
      {
        monoMs: () => clock.now,
        wallMs: () => clock.now + 1_700_000_000_000,
        after: clock.after,
        freshId: () => `id${++ids}`,
        clean,
        store: {
          read: () => disk.file,
          write: text => {
            if (disk.full) throw new Error('ENOSPC: no space left on device');
            disk.file = text;
          },
        },
        say: line => said.push(line),
      },
    );
  return { clock, said, disk, start, alerts: start() };
}

const servers: LocalServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.close()));
});

/** A server that is gone after the test. */
export async function serving(answer: LocalServer['answer']): Promise<LocalServer> {
  const server = await localServer(answer);
  servers.push(server);
  return server;
}
