import { describe, expect, test } from 'vitest';
import type { Wall } from '../../src/core/units.ts';
import { parseSchedule, type Schedule } from '../../src/probes/schedule.ts';
import { virtualWatch } from './virtual-watch.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

function schedule(written: string, timezone: string): Schedule {
  const parsed = parseSchedule(written, timezone);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

const iso = (wall: Wall) => new Date(wall).toISOString().slice(0, 16);

/** A job in Berlin that takes a minute, and when it was started. */
function job(written: string, startsAt: string, livesMs = minute) {
  const watch = virtualWatch({
    policy: { scheduled: true },
    startsAt,
    schedule: schedule(written, 'Europe/Berlin'),
    livesMs: () => livesMs,
  });
  return { watch, started: () => watch.runs.map(({ startedAt }) => iso(startedAt)) };
}

describe('a schedule over a change of the clock', () => {
  test('in spring the hour that does not exist runs once, right after the gap', () => {
    const { watch, started } = job('30 2 * * *', '2026-03-27T12:00:00Z');
    watch.pass(3 * day);
    expect(started()).toEqual(['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30']);
    expect(watch.faults).toEqual([]);
  });

  test('in autumn the hour that comes twice runs once', () => {
    const { watch, started } = job('30 2 * * *', '2026-10-23T12:00:00Z');
    watch.pass(4 * day);
    expect(started()).toEqual(['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30', '2026-10-27T01:30']);
    expect(watch.faults).toEqual([]);
  });
});

describe('a machine that sleeps', () => {
  test('three days over a daily job: it runs once, at the waking, and then as planned', () => {
    const { watch, started } = job('0 3 * * *', '2026-06-01T12:00:00Z');
    watch.pass(2 * hour);
    watch.jumpWall(3 * day);
    watch.pass(day);
    // Noticed within a minute.
    expect(started()).toEqual([expect.stringMatching(/^2026-06-04T14:0[01]$/), '2026-06-05T01:00']);
    expect(watch.faults).toEqual([]);
  });

  test('in the middle of a run: that run continues, and what was missed is left out', () => {
    const { watch, started } = job('0 * * * *', '2026-06-01T12:30:00Z', 10 * minute);
    watch.pass(35 * minute);
    watch.jumpWall(3 * day);
    watch.pass(2 * hour);
    expect(started()).toEqual(['2026-06-01T13:00', '2026-06-04T14:00', '2026-06-04T15:00']);
    expect(watch.faults).toEqual([]);
  });
});

test('a run that is longer than its interval: the next one is the next that is due after its end', () => {
  const { watch, started } = job('*/10 * * * *', '2026-06-01T12:05:00Z', 25 * minute);
  watch.pass(1.5 * hour);
  expect(started()).toEqual(['2026-06-01T12:10', '2026-06-01T12:40', '2026-06-01T13:10']);
  expect(watch.faults).toEqual([]);
});
