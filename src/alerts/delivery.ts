/** The queue, its file and its couriers. */
import { durationText } from '../core/units.ts';
import type { Alert } from './alert.ts';
import {
  type Cooldown,
  calm,
  type Entry,
  enqueued,
  type Kept,
  keptFromText,
  keptToText,
  nextFor,
  type Queue,
  refused,
  shifted,
  without,
} from './cooldown.ts';
import { deliver, type Environment, type SendResult } from './send.ts';
import type { Target } from './target.ts';

// Brings the alerts of one receiver to it, oldest first, one at a time, with patience.

/** What a courier works with. */
export interface DeliveryWorkerWorld {
  readonly monoMs: () => number;
  /** Calls back once, after that long; the result calls it off. */
  readonly after: (delayMs: number, act: () => void) => () => void;
  /** One line for people. */
  readonly say: (line: string) => void;
  /** The oldest alert that waits for it. */
  readonly next: () => Entry | undefined;
  readonly send: (entry: Entry) => Promise<SendResult>;
  /** An entry is done with, one way or the other. */
  readonly done: (entry: Entry) => void;
  readonly refused: (entry: Entry) => void;
}

export interface DeliveryWorker {
  /** Something may be there to do; `fresh`: it is new, which is worth a try though an earlier one waits. */
  kick(fresh: boolean): void;
  /** Waits for nothing any more but what can be sent right now; resolves when that is over. */
  hurry(): Promise<void>;
}

// Three tries, then now and then for as long as we live.
const waitsMs = [5000, 30_000, 300_000, 900_000, 1_800_000];
const maxWaitMs = 3_600_000;
// Slack takes about one message a second.
const spacingMs = 1000;
const maxRefusals = 3;

/** A courier for one target. Does nothing until kicked. */
function createDeliveryWorker(target: Target, world: DeliveryWorkerWorld): DeliveryWorker {
  let failures = 0;
  let notBefore = Number.NEGATIVE_INFINITY;
  let lastTryAt = Number.NEGATIVE_INFINITY;
  let toldToWait = false;
  let dead = false;
  let hurried = false;
  let trip: Promise<void> | null = null;
  let callOff = () => {};

  const waitLonger = (why: string, wantedMs: number | null) => {
    const waitMs = Math.min(Math.max(waitsMs[Math.min(failures, waitsMs.length - 1)] ?? 0, wantedMs ?? 0), maxWaitMs);
    notBefore = world.monoMs() + waitMs;
    toldToWait = wantedMs !== null;
    if (failures++ === 0)
      world.say(`alert to ${target.shown} failed: ${why}; it is kept and tried again in ${durationText(waitMs)}`);
  };
  const learn = (entry: Entry, delivery: SendResult) => {
    switch (delivery.kind) {
      case 'aborted':
        return;
      case 'delivered':
        world.done(entry);
        if (failures > 0) world.say(`alerts to ${target.shown} are delivered again`);
        failures = 0;
        dead = false;
        toldToWait = false;
        notBefore = target.kind === 'webhook' ? world.monoMs() + spacingMs : Number.NEGATIVE_INFINITY;
        return;
      case 'failed':
        return waitLonger(delivery.why, delivery.retryAfterMs);
      case 'refused':
        if (entry.refusals + 1 < maxRefusals) {
          world.refused(entry);
          return waitLonger(delivery.why, null);
        }
        world.done(entry);
        return world.say(
          `alert to ${target.shown} given up: ${delivery.why} ${maxRefusals} times. It was: ${entry.alert.text}`,
        );
      case 'dead':
        // A hook that is gone answers so, and a proxy in the middle of a change.
        if (!dead)
          world.say(`alerts to ${target.shown} stop: ${delivery.why}. They are kept, and one is tried every hour`);
        dead = true;
        failures++;
        toldToWait = true;
        notBefore = world.monoMs() + maxWaitMs;
    }
  };
  const kick = (fresh: boolean) => {
    callOff();
    const entry = trip !== null ? undefined : world.next();
    if (entry === undefined) return;
    const now = world.monoMs();
    const worthIt = failures === 0 ? hurried : fresh && !toldToWait && now - lastTryAt >= (waitsMs[0] ?? 0);
    if (now < notBefore && !worthIt) {
      if (!hurried) callOff = world.after(notBefore - now, () => kick(false));
      return;
    }
    lastTryAt = now;
    trip = world.send(entry).then(delivery => {
      trip = null;
      learn(entry, delivery);
      if (delivery.kind !== 'aborted') kick(false);
    });
  };
  return {
    kick,
    async hurry() {
      hurried = true;
      kick(false);
      while (trip !== null) await trip;
    },
  };
}

/** To whom, and in which surroundings. */
export interface OfficeSettings extends Environment {
  readonly targets: readonly Target[];
}

/** What it needs of its world. */
export interface OfficePorts {
  readonly monoMs: () => number;
  readonly wallMs: () => number;
  /** Calls back once, after that long; the result calls it off. */
  readonly after: (delayMs: number, act: () => void) => () => void;
  /** Where the queue is kept, a file of its own, 0600 and replaced as a whole. Both may throw. */
  readonly store: { readonly read: () => string | null; readonly write: (text: string) => void };
  /** One line for people; nothing secret is in it. */
  readonly say: (line: string) => void;
}

export interface DeliveryQueue {
  /** Kept in the same file. */
  cooldown: Cooldown;
  /** Queues it for every target. */
  post(alert: Alert): void;
  save(): void;
  /** Sends what can be sent in that time; the rest stays in the file. */
  close(limitMs: number): Promise<void>;
}

// What an earlier life left is not sent before the child is up: it has waited longer than that.
const firstRoundMs = 1000;

/** Opens the queue of an earlier life, or a fresh one. */
export function openDelivery(settings: OfficeSettings, ports: OfficePorts): DeliveryQueue {
  const abort = new AbortController();
  const busy = new Set<string>();
  const shiftMs = () => ports.wallMs() - ports.monoMs();
  const kept = readKept(settings, ports);
  let { queue } = kept;
  const save = saver(ports);
  const workers: DeliveryWorker[] = [];
  const office: DeliveryQueue = {
    cooldown: shifted(kept.cooldown, -shiftMs(), ports.monoMs()),
    post(alert) {
      for (const { key } of settings.targets)
        queue = enqueued(queue, { id: `${alert.id}/${key}`, target: key, alert, refusals: 0 }, busy);
      for (const worker of workers) worker.kick(true);
    },
    save: () => save({ queue, cooldown: shifted(office.cooldown, Math.round(shiftMs()), ports.wallMs()) }),
    async close(limitMs) {
      let callOff = () => {};
      const late = new Promise<void>(resolve => {
        callOff = ports.after(limitMs, resolve);
      });
      await Promise.race([Promise.all(workers.map(worker => worker.hurry())), late]);
      callOff();
      abort.abort();
      office.save();
    },
  };
  const change = (next: Queue) => {
    queue = next;
    office.save();
  };
  for (const target of settings.targets)
    workers.push(
      createDeliveryWorker(target, {
        ...ports,
        next: () => nextFor(queue, target.key),
        async send(entry) {
          busy.add(entry.id);
          const delivery = await deliver(target, entry.alert, entry.refusals, settings, abort.signal);
          busy.delete(entry.id);
          return delivery;
        },
        done: entry => change(without(queue, entry.id)),
        refused: entry => change(refused(queue, entry.id)),
      }),
    );
  if (queue.length > 0)
    ports.after(firstRoundMs, () => {
      for (const worker of workers) worker.kick(false);
    });
  return office;
}

function readKept({ targets }: OfficeSettings, ports: OfficePorts): Kept {
  try {
    const kept = keptFromText(ports.store.read()) ?? { queue: [], cooldown: calm };
    const known = new Set(targets.map(target => target.key));
    const queue = kept.queue.filter(entry => known.has(entry.target));
    const lost = kept.queue.length - queue.length;
    if (lost > 0) ports.say(`${lost} undelivered alerts are dropped: their destination is no longer configured`);
    return { ...kept, queue };
  } catch {
    // Not readable: then nothing is known to wait. Writing will say what is wrong with the file.
    return { queue: [], cooldown: calm };
  }
}

// Writes what differs from what was written last, and says once that it cannot.
function saver(ports: OfficePorts): (kept: Kept) => void {
  let written = keptToText({ queue: [], cooldown: calm });
  let said = false;
  return kept => {
    const text = keptToText(kept);
    if (text === written) return;
    try {
      ports.store.write(text);
      written = text;
      said = false;
    } catch (error) {
      // They are sent anyway; only the death of the watcher would lose what waits.
      if (!said) ports.say(`the queue of alerts could not be saved: ${error instanceof Error ? error.message : ''}`);
      said = true;
    }
  };
}
