/** The queue, its file and its couriers. */
import type { Alert } from './alert.ts';
import { type Cooldown, calm, shifted } from './cooldown.ts';
import { type Courier, createCourier } from './courier.ts';
import { deliver, type Surroundings } from './deliver.ts';
import { enqueued, type Kept, keptFromText, keptToText, nextFor, type Queue, refused, without } from './queue.ts';
import type { Target } from './target.ts';

/** To whom, and in which surroundings. */
export interface OfficeSettings extends Surroundings {
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

export interface PostOffice {
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
export function openPostOffice(settings: OfficeSettings, ports: OfficePorts): PostOffice {
  const abort = new AbortController();
  const busy = new Set<string>();
  const shiftMs = () => ports.wallMs() - ports.monoMs();
  const kept = readKept(settings, ports);
  let { queue } = kept;
  const save = saver(ports);
  const couriers: Courier[] = [];
  const office: PostOffice = {
    cooldown: shifted(kept.cooldown, -shiftMs(), ports.monoMs()),
    post(alert) {
      for (const { key } of settings.targets)
        queue = enqueued(queue, { id: `${alert.id}/${key}`, target: key, alert, refusals: 0 }, busy);
      for (const courier of couriers) courier.kick(true);
    },
    save: () => save({ queue, cooldown: shifted(office.cooldown, Math.round(shiftMs()), ports.wallMs()) }),
    async close(limitMs) {
      let callOff = () => {};
      const late = new Promise<void>(resolve => {
        callOff = ports.after(limitMs, resolve);
      });
      await Promise.race([Promise.all(couriers.map(courier => courier.hurry())), late]);
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
    couriers.push(
      createCourier(target, {
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
      for (const courier of couriers) courier.kick(false);
    });
  return office;
}

function readKept({ targets }: OfficeSettings, ports: OfficePorts): Kept {
  try {
    const kept = keptFromText(ports.store.read()) ?? { queue: [], cooldown: calm };
    const known = new Set(targets.map(target => target.key));
    const queue = kept.queue.filter(entry => known.has(entry.target));
    const lost = kept.queue.length - queue.length;
    if (lost > 0) ports.say(`${lost} undelivered alerts are dropped: where they were to go is no longer configured`);
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
      // They are told all the same; only a death of ours would lose what waits.
      if (!said) ports.say(`the queue of alerts could not be saved: ${error instanceof Error ? error.message : ''}`);
      said = true;
    }
  };
}
