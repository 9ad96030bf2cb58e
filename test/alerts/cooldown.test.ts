import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AlertEvent } from '../../src/alerts/alert.ts';
import { compose, summarise } from '../../src/alerts/alerts.ts';
import { type Cooldown, calm, due, folded, judge, nextDue, sent, shifted } from '../../src/alerts/cooldown.ts';
import { allKinds, eventOf } from './world.ts';

const minute = 60_000;
const cooldownMs = 15 * minute;
const speaker = { name: 'a', host: 'b', clean: (text: string) => text };

/** Runs a history and says what was sent, when. */
function play(history: [atMs: number, event: AlertEvent][], untilMs: number) {
  let state: Cooldown = calm;
  const out: string[] = [];
  const summaries = (now: number) => {
    for (let at = nextDue(state, cooldownMs); at !== null && at <= now; at = nextDue(state, cooldownMs)) {
      const step = due(state, at, cooldownMs);
      state = step.state;
      for (const { last, count, spanMs } of step.summaries)
        out.push(`${at / minute} ${summarise(last, count, spanMs).text}`);
    }
  };
  for (const [at, event] of history) {
    summaries(at);
    const verdict = judge(state, event, at, cooldownMs);
    const alert = compose(speaker, event, 'id');
    if (verdict === 'send') {
      state = sent(state, event, at);
      out.push(`${at / minute} ${alert.text}`);
    } else if (verdict === 'fold') state = folded(state, event, alert);
  }
  summaries(untilMs);
  return { out, state };
}

describe('the cooldown', () => {
  test('100 crashes in 10 minutes are the first, the flapping and the recovery; then one summary', () => {
    const history: [number, AlertEvent][] = [];
    for (let crash = 0; crash < 100; crash++) {
      const at = crash * 6000;
      const id = `i${crash}`;
      history.push([at, eventOf('crash', { incidentId: id, exit: { code: 1, signal: null } })]);
      if (crash % 5 === 4)
        history.push([at, eventOf('flap', { incidentId: id, restarts: { total: crash, window: 5 } })]);
    }
    history.push([10 * minute, eventOf('recovered', { downMs: 192_000, restarts: { total: 100, window: 4 } })]);
    expect(play(history, 10 * minute).out).toEqual([
      '0 a crashed (exit code 1)',
      '0.4 a keeps crashing (5 times in the window)',
      '10 a recovered, down 3m12s, 4 restarts',
    ]);
    expect(play(history, 60 * minute).out.slice(3)).toEqual([
      '15 a crashed 99 more times in the last 15m; last at 03:00 UTC: crashed (exit code 1)',
      '15.4 a kept crashing 19 more times in the last 15m; last at 03:00 UTC: keeps crashing (5 times in the window)',
    ]);
  });

  test('another cause is alerted at once, the same one again only after the cooldown', () => {
    const unhealthy = (cause: string) => eventOf('unhealthy', { cause, probe: { name: cause, message: null } });
    const { out } = play(
      [
        [0, unhealthy('port:80')],
        [minute, unhealthy('disk')],
        [2 * minute, unhealthy('disk')],
        [20 * minute, unhealthy('port:80')],
      ],
      21 * minute,
    );
    expect(out).toEqual([
      '0 a is unhealthy (port:80)',
      '1 a is unhealthy (disk)',
      '16 a was unhealthy 1 more time in the last 15m; last at 03:00 UTC: is unhealthy (disk)',
      '20 a is unhealthy (port:80)',
    ]);
  });

  test('an incident is alerted once, unless it becomes graver', () => {
    const incidentId = 'i1';
    const history: [number, AlertEvent][] = (['unhealthy', 'crash', 'flap', 'crash', 'hold', 'recovered'] as const).map(
      kind => [0, eventOf(kind, { incidentId })],
    );
    expect(play(history, 0).out.map(line => line.split(' ').slice(2, 4).join(' '))).toEqual([
      'is unhealthy',
      'keeps crashing',
      'is held',
      'recovered, 4',
    ]);
  });

  test('a cause is never alerted twice within the cooldown, and no event is lost', () => {
    const steps = fc.array(
      fc.record({
        waitMs: fc.integer({ min: 0, max: 5 * minute }),
        kind: fc.constantFrom(...allKinds),
        cause: fc.constantFrom(null, 'x'),
      }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(steps, all => {
        let now = 0;
        let state: Cooldown = calm;
        const told = new Map<string, number[]>();
        let counted = 0;
        const tell = (key: string, count: number) => {
          told.set(key, [...(told.get(key) ?? []), now]);
          counted += count;
        };
        const settle = () => {
          const step = due(state, now, cooldownMs);
          state = step.state;
          for (const { last, count } of step.summaries) tell(`${last.event}:${last.reason}`, count);
        };
        for (const { waitMs, kind, cause } of all) {
          now += waitMs;
          settle();
          const event = eventOf(kind, { cause, reason: cause });
          if (judge(state, event, now, cooldownMs) === 'send') {
            state = sent(state, event, now);
            tell(`${kind}:${cause}`, 1);
          } else state = folded(state, event, compose(speaker, event, 'id'));
        }
        now += cooldownMs;
        settle();
        expect(counted).toBe(all.length);
        for (const times of told.values())
          for (const [index, at] of times.entries())
            if (index > 0) expect(at - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(cooldownMs);
      }),
    );
  });

  test('whoever was told that it is over is told that it is not', () => {
    const of = (kind: 'flap' | 'recovered' | 'slow-loop') => eventOf(kind, { incidentId: 'a-1' });
    const told = sent(sent(calm, of('flap'), 0), of('recovered'), minute);
    expect(judge(sent(calm, of('flap'), 0), of('slow-loop'), 2 * minute, cooldownMs)).toBe('drop');
    expect(judge(told, of('slow-loop'), 2 * minute, cooldownMs)).toBe('send');
  });

  test('a clock that was set back lengthens no cooldown', () => {
    const state = sent(calm, eventOf('flap'), 9e12);
    expect(judge(shifted(state, 0, 1000), eventOf('flap'), 1000 + cooldownMs, cooldownMs)).toBe('send');
  });
});
