import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stripControl } from '../../core/text/escape.ts';
import { readEvents, type ServiceEvent } from '../../state/event-log.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { type Service, selectReadable } from '../fleet/select.ts';
import { print } from '../render/terminal.ts';
import { localTime } from '../render/times.ts';
import { wallOf } from '../values/moments.ts';

type EventsInvocation = Extract<Invocation, { kind: 'events' }>;

const LOOK_EVERY_MS = 200;

/** Prints what watchers said and were asked, oldest first; with -f goes on until it is interrupted. */
export async function eventsCommand(invocation: EventsInvocation): Promise<number> {
  const { since, lines, follow, json } = invocation;
  const { services, code } = selectReadable(invocation);
  if (services.length === 0 && code !== 0) return code;
  const from = wallOf(since, Date.now());
  const all = eventsOf(services).filter(({ at }) => from === null || Date.parse(at) >= from);
  const shown = lines === null ? (from === null ? all.slice(-DEFAULT_LINES) : all) : all.slice(all.length - lines);
  const many = services.length > 1;
  if (!follow) {
    print(json ? `${JSON.stringify(shown, null, 2)}\n` : shown.map(event => eventLine(event, many)).join(''));
    return code;
  }
  const say = (events: readonly ServiceEvent[]) =>
    print(events.map(event => (json ? `${JSON.stringify(event)}\n` : eventLine(event, many))).join(''));
  say(shown);
  await followEvents(services, all.length === 0 ? new Date().toISOString() : (all.at(-1)?.at ?? ''), say);
  return code;
}

const DEFAULT_LINES = 100;

/** The events of services in the order in which they happened. */
export function eventsOf(services: readonly Service[]): ServiceEvent[] {
  const all = services.flatMap(({ stateDir, name, label }) =>
    readEvents(join(stateDir, name)).map(event => ({ ...event, name: label })),
  );
  // A stable sort: what one service said in the same millisecond stays in its order.
  return services.length > 1 ? all.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0)) : all;
}

async function followEvents(
  services: readonly Service[],
  from: string,
  say: (events: readonly ServiceEvent[]) => void,
): Promise<void> {
  let gone = false;
  process.stdout.on('error', () => {
    gone = true;
  });
  let last = from;
  // Events of the same millisecond as the last one are told by their number.
  let seen = eventsOf(services).filter(({ at }) => at === last).length;
  while (!gone) {
    await pause(LOOK_EVERY_MS);
    const fresh = eventsOf(services).filter(({ at }) => at >= last);
    const news = fresh.slice(seen);
    if (news.length === 0) continue;
    say(news);
    last = news.at(-1)?.at ?? last;
    seen = fresh.filter(({ at }) => at === last).length;
  }
}

function eventLine({ at, name, text }: ServiceEvent, many: boolean): string {
  return `${localTime(at)}  ${many ? `${name}: ` : ''}${stripControl(text).replaceAll('\n', ' ')}\n`;
}
