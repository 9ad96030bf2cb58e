import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Stamp, timerMs } from '../../core/units.ts';
import type { DiagnosisPorts } from '../../diagnosis/diagnose.ts';
import { readText } from '../../host/read-file.ts';
import type { Incident } from '../../incidents/incident.ts';
import { replaceFile } from '../../state/atomic-file.ts';
import { keepDiagnosisFault } from '../../state/read-status.ts';
import type { StateFolder } from '../../state/state-folder.ts';
import type { NotificationSettings, NotificationWorld } from '../watch-order.ts';
import type { Alerting } from './alerting.ts';
import { configuredSecrets, redactorFor } from './redactor.ts';

/** Neither file comes near this. */
const FILE_LIMIT_BYTES = 1 << 20;

/** Asks a model about incidents. */
export interface Diagnosing {
  /** Returns at once; the answer comes into the incident when it comes. */
  opened(incident: Incident): void;
  close(): void;
}

/** What was asked for; null: it was not. */
export interface Notifications {
  alerting: Alerting | null;
  diagnosing: Diagnosing | null;
}

/** Alerts and diagnosis as they were asked for, with what they need of the system. */
export async function loadNotifications(order: NotificationSettings, world: NotificationWorld): Promise<Notifications> {
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

/** Asks the model once for each fingerprint, and says once why it cannot be asked. */
async function openDiagnosing(
  { diagnosis: settings }: NotificationSettings,
  { command, desk, place, now }: NotificationWorld,
  { clean, say }: Shared,
): Promise<Diagnosing | null> {
  if (settings === null) return null;
  const { createDiagnosis, obstacleTo } = await import('../../diagnosis/diagnose.ts');
  const diagnosis = createDiagnosis(settings, modelPorts(place, now, clean));
  // As one text, since a flag and its value are two.
  const shownCommand = [clean(command.join(' '))];
  const given = new WeakSet<object>();
  const obstacle = obstacleTo(settings);
  if (obstacle !== null) {
    say(`no model can be asked: ${obstacle}; incidents are explained by rules only`);
    keepFault(obstacle);
  }

  /** Why the model gives no answer, for who looks later; null: it did. */
  function keepFault(why: string | null): void {
    try {
      keepDiagnosisFault(place, why);
    } catch {
      // A full disk: the log has it too.
    }
  }

  async function ask(incident: Incident): Promise<void> {
    const answer = await diagnosis.ask({ ...incident, command: shownCommand });
    // Those who asked while the question was out have one answer: it is news to the first.
    const isFirst = !given.has(answer);
    given.add(answer);
    if ('failed' in answer) {
      if (!isFirst || !answer.news) return;
      desk.attachDiagnosisFault(incident.id, answer.failed);
      // What stands in the way from the start has been said.
      if (obstacle !== null) return;
      say(`no diagnosis of ${incident.id}: ${answer.failed}`);
      keepFault(answer.failed);
      return;
    }
    desk.attachDiagnosis(incident.id, answer);
    // One from memory says nothing of the model.
    if (!isFirst || answer.ms === 0) return;
    keepFault(null);
    say(`the model's diagnosis is ready: agent-watch incidents show ${incident.id}`);
  }

  return {
    opened(incident) {
      // A run whose exit status is unknown leaves nothing to explain.
      if (incident.kind === 'orphan') return;
      void ask(incident).catch((error: unknown) => say(`no diagnosis of ${incident.id}: ${error}`));
    },
    close: () => diagnosis.close(),
  };
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
