/** Brings the alerts of one receiver to it, oldest first, one at a time, with patience. */
import { durationText } from '../core/duration-text.ts';
import type { Delivery } from './deliver.ts';
import type { Entry } from './queue.ts';
import type { Target } from './target.ts';

/** What a courier works with. */
export interface CourierWorld {
  readonly monoMs: () => number;
  /** Calls back once, after that long; the result calls it off. */
  readonly after: (delayMs: number, act: () => void) => () => void;
  /** One line for people. */
  readonly say: (line: string) => void;
  /** The oldest alert that waits for it. */
  readonly next: () => Entry | undefined;
  readonly send: (entry: Entry) => Promise<Delivery>;
  /** An entry is done with, one way or the other. */
  readonly done: (entry: Entry) => void;
  readonly refused: (entry: Entry) => void;
}

export interface Courier {
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
export function createCourier(target: Target, world: CourierWorld): Courier {
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
  const learn = (entry: Entry, delivery: Delivery) => {
    switch (delivery.kind) {
      case 'aborted':
        return;
      case 'delivered':
        world.done(entry);
        if (failures > 0) world.say(`alerts to ${target.shown} are delivered again`);
        failures = 0;
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
        dead = true;
        world.say(`alerts to ${target.shown} stop: ${delivery.why}. What waits is kept and tried at the next start`);
    }
  };
  const kick = (fresh: boolean) => {
    callOff();
    const entry = dead || trip !== null ? undefined : world.next();
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
