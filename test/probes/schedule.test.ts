import { describe, expect, test } from 'vitest';
import type { Wall } from '../../src/core/units.ts';
import { nextDue, occurrencesIn, parseSchedule, revisedDue, type Schedule, waitMs } from '../../src/probes/schedule.ts';

const at = (iso: string) => Date.parse(iso) as Wall;
const iso = (wall: Wall | null) => (wall === null ? null : new Date(wall).toISOString());

function schedule(written: string, timezone = 'UTC'): Schedule {
  const parsed = parseSchedule(written, timezone);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

/** The occurrences at which it would run between two moments, if each run takes `runMs`. */
function runs(plan: Schedule, from: string, to: string, runMs = 0): (string | null)[] {
  const found: (string | null)[] = [];
  for (let due = nextDue(plan, null, at(from)); due !== null && due < at(to); ) {
    found.push(iso(due));
    due = nextDue(plan, due, (due + runMs) as Wall);
  }
  return found;
}

describe('a schedule over a change of the clock', () => {
  const berlin = schedule('30 2 * * *', 'Europe/Berlin');
  test('an hour that does not exist runs once, right after the gap', () => {
    expect(runs(berlin, '2026-03-28T12:00Z', '2026-03-31T00:00Z')).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
  });
  test('an hour that comes twice runs once', () => {
    expect(runs(berlin, '2026-10-24T12:00Z', '2026-10-26T12:00Z')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });
  test.each([
    ['0 2,14 * * *', ['00:00', '13:00'], ['01:00', '12:00']],
    ['0 1-5 * * *', ['23:00', '00:00', '02:00', '03:00', '04:00'], ['00:00', '01:00', '02:00', '03:00']],
    ['0 0,2,4 * * *', ['22:00', '00:00', '03:00'], ['23:00', '01:00', '02:00']],
    ['0,30 2 * * *', ['00:00', '00:30'], ['01:00']],
    ['*/20 2 * * *', ['00:00', '00:20', '00:40'], ['01:00']],
    ['0 0 2,3 * * *', ['00:00', '02:00'], ['01:00']],
  ])('lists and ranges of hours: %s', (written, autumn, spring) => {
    const plan = schedule(written, 'Europe/Berlin');
    const clock = (from: string, to: string) => runs(plan, from, to).map(time => time?.slice(11, 16));
    expect(clock('2026-10-24T21:59Z', '2026-10-25T22:59Z')).toEqual(autumn);
    expect(clock('2026-03-28T22:59Z', '2026-03-29T21:59Z')).toEqual(spring);
  });
  test('an interval of hours continues through both, since it is no fixed hour', () => {
    expect(runs(schedule('15 */2 * * *', 'Europe/Berlin'), '2026-10-25T00:00Z', '2026-10-25T04:00Z')).toHaveLength(3);
  });
  test('every quarter of an hour continues through both', () => {
    const quarters = schedule('*/15 * * * *', 'Europe/Berlin');
    expect(runs(quarters, '2026-10-24T23:59Z', '2026-10-25T03:00Z')).toHaveLength(12);
    expect(runs(quarters, '2026-03-28T23:59Z', '2026-03-29T03:00Z')).toHaveLength(12);
  });
  test('time zones count', () => {
    expect(iso(schedule('0 9 * * *', 'Asia/Tokyo').nextAfter(at('2026-01-01T00:00Z')))).toBe(
      '2026-01-02T00:00:00.000Z',
    );
  });
});

describe('what was missed', () => {
  const daily = schedule('0 3 * * *');
  test('three days of sleep are one run, at the waking, and then the plan continues', () => {
    const due = nextDue(daily, null, at('2026-05-01T12:00Z'))!;
    const woken = at('2026-05-05T10:00Z');
    expect(revisedDue(daily, due, null, woken)).toBe(due);
    expect(waitMs(due, woken)).toBe(0);
    expect(iso(nextDue(daily, due, woken))).toBe('2026-05-06T03:00:00.000Z');
  });
  test('what passes during a run is left out: runs never overlap', () => {
    const each = schedule('*/10 * * * *');
    expect(runs(each, '2026-05-01T00:01Z', '2026-05-01T01:20Z', 25 * 60_000)).toEqual([
      '2026-05-01T00:10:00.000Z',
      '2026-05-01T00:40:00.000Z',
      '2026-05-01T01:10:00.000Z',
    ]);
  });
  test('a clock set back a little runs nothing twice; one that was a day wrong is not waited for', () => {
    const due = at('2026-05-01T03:00Z');
    expect(iso(nextDue(daily, due, at('2026-05-01T02:59:55Z')))).toBe('2026-05-02T03:00:00.000Z');
    const far = at('2026-05-03T03:00Z');
    expect(iso(revisedDue(daily, far, at('2026-05-02T03:00Z'), at('2026-05-01T00:00Z')))).toBe(
      '2026-05-01T03:00:00.000Z',
    );
  });
  test('the clock is looked at every minute, a due run waits no longer', () => {
    expect(waitMs(at('2026-05-01T03:00Z'), at('2026-05-01T00:00Z'))).toBe(60_000);
    expect(waitMs(at('2026-05-01T03:00Z'), at('2026-05-01T02:59:58Z'))).toBe(2000);
  });
});

test('every second', () => {
  expect(runs(schedule('* * * * * *'), '2026-05-01T00:00:00.500Z', '2026-05-01T00:00:05Z')).toHaveLength(4);
});

test.each([
  ['', 'it is not a cron expression: invalid configuration format'],
  ['61 * * * *', 'it is not a cron expression: Invalid value for minute: 61'],
  ['every day', 'it is not a cron expression'],
  ['0 0 30 2 *', 'it never comes'],
])('%j is refused', (written, words) => {
  expect(parseSchedule(written, 'UTC')).toContain(words);
});

test('the occurrences within a time are counted, the last moment included', () => {
  const hourly = schedule('0 * * * *');
  expect(occurrencesIn(hourly, at('2026-01-01T00:30:00Z'), at('2026-01-01T05:00:00Z'))).toBe(5);
  expect(occurrencesIn(hourly, at('2026-01-01T00:30:00Z'), at('2026-01-01T00:59:59Z'))).toBe(0);
});
