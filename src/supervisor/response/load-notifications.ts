import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Stamp, timerMs } from '../../core/units.ts';
import type { DiagnosisPorts } from '../../diagnosis/diagnose.ts';
import { readText } from '../../host/read-file.ts';
import { replaceFile } from '../../state/atomic-file.ts';
import { keepDiagnosisFault } from '../../state/read-status.ts';
import type { StateFolder } from '../../state/state-folder.ts';
import type { NotificationSettings, NotificationWorld } from '../watch-order.ts';
import type { Alerting } from './alerting.ts';
import type { Diagnosing } from './diagnosing.ts';
import { configuredSecrets, redactorFor } from './redactor.ts';

/** Neither file comes near this. */
const FILE_LIMIT_BYTES = 1 << 20;

/** Alerts and diagnosis as they were asked for, with what they need of the system. */
export async function loadNotifications(
  order: NotificationSettings,
  world: NotificationWorld,
): Promise<{ alerting: Alerting | null; diagnosing: Diagnosing | null }> {
  const clean = redactorFor(world.env, configuredSecrets(order));
  const clocks = { wallMs: () => world.now().wall, monoMs: () => world.now().mono };
  const say = (line: string) => world.warn(clean(line));
  return {
    alerting: await openAlerting(order, world, { ...clocks, clean, say }),
    diagnosing: await openDiagnosing(order, world, { ...clocks, clean, say }),
  };
}

interface Shared {
  wallMs(): number;
  monoMs(): number;
  clean(text: string): string;
  say(line: string): void;
}

/** What a question to a model needs of the system: all of a service share one budget. */
export function modelPorts(place: StateFolder, now: () => Stamp, clean: (text: string) => string): DiagnosisPorts {
  const clocks = { wallMs: () => now().wall, monoMs: () => now().mono };
  return { ...clocks, clean, token, wait, store: storeIn(place, 'diagnosis.json') };
}

async function openAlerting({ alerts }: NotificationSettings, world: NotificationWorld, shared: Shared) {
  if (alerts === null) return null;
  const { createAlerting } = await import('./alerting.ts');
  return createAlerting(alerts, {
    ...world,
    name: world.place.name,
    host: hostname(),
    ports: {
      ...shared,
      after,
      freshId: () => randomBytes(8).toString('hex'),
      posted: ({ event, text }) => world.record?.('alert', `alert sent (${event}): ${text}`),
      store: storeIn(world.place, 'alerts.json'),
    },
  });
}

async function openDiagnosing({ diagnosis }: NotificationSettings, world: NotificationWorld, shared: Shared) {
  if (diagnosis === null) return null;
  const { createDiagnosing } = await import('./diagnosing.ts');
  return createDiagnosing(diagnosis, {
    // As one text, since a flag and its value are two.
    command: [shared.clean(world.command.join(' '))],
    desk: world.desk,
    say: shared.say,
    keepFault(why) {
      try {
        keepDiagnosisFault(world.place, why);
      } catch {
        // A full disk: the log has it too.
      }
    },
    ports: modelPorts(world.place, world.now, shared.clean),
  });
}

/** A file of the name's folder that is read and replaced as a whole. */
function storeIn(place: Pick<StateFolder, 'at' | 'ensure'>, file: string) {
  return {
    read: () => readText(place.at(file), FILE_LIMIT_BYTES),
    write: (text: string) => {
      const gone = place.ensure();
      if (gone !== null) throw new Error(gone);
      replaceFile(place.at(file), text);
    },
  };
}

const after = (delayMs: number, act: () => void): (() => void) => {
  const timer = setTimeout(act, timerMs(delayMs));
  return () => clearTimeout(timer);
};

/** Fresh bits in hex, for the fence around a log. */
const token = (): string => randomBytes(16).toString('hex');

/** Resolves after that long, or at once when aborted. */
const wait = (delayMs: number, signal: AbortSignal): Promise<void> =>
  pause(delayMs, undefined, { signal }).catch(() => {
    // Aborted: whoever waits looks at the signal itself.
  });
