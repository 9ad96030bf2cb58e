import { describe, expect, test } from 'vitest';
import {
  type BudgetLedger,
  closeRun,
  freeAt,
  newLedger,
  usedIn,
  withCurrent,
  withValue,
} from '../../src/core/limits.ts';
import type { Wall } from '../../src/core/units.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (hours: number) => (hours * HOUR) as Wall;

/** A run that ends at this hour with this much. */
const run = (ledger: BudgetLedger, hour: number, amount: number) =>
  closeRun(withCurrent(ledger, amount, at(hour)), DAY);

describe('a budget over a day', () => {
  test('adds up runs, and frees them as the window moves on', () => {
    const ledger = [1, 2, 3].reduce((sum, hour) => run(sum, hour, 4), newLedger());
    expect([at(3), at(25), at(26), at(27)].map(now => usedIn(ledger, DAY, now))).toEqual([12, 8, 4, 0]);
    expect(freeAt(ledger, 13, DAY, at(3))).toBeNull();
    expect(freeAt(ledger, 10, DAY, at(3))).toBe(at(25));
    expect(freeAt(ledger, 5, DAY, at(3))).toBe(at(26));
    expect(freeAt(ledger, 10, DAY, at(25))).toBeNull();
  });

  test('counts the run that is up, and that of a watcher that died', () => {
    const up = withCurrent(run(newLedger(), 1, 4), 7, at(5));
    expect(usedIn(up, DAY, at(5))).toBe(11);
    expect(freeAt(up, 10, DAY, at(5))).toBe(at(25));
    const found = closeRun(JSON.parse(JSON.stringify(up)) as BudgetLedger, DAY);
    expect(usedIn(found, DAY, at(6))).toBe(11);
  });

  test('keeps no more than 200 entries, however many runs there are', () => {
    let ledger = newLedger();
    for (let minute = 0; minute < 3000; minute++) ledger = run(ledger, minute / 60, 0.01);
    expect(ledger.used.length).toBeLessThanOrEqual(210);
    expect(usedIn(ledger, DAY, at(50))).toBeCloseTo(14.4, 0);
  });
});

describe('a number that a file keeps', () => {
  /** What each of these runs is charged, by the values that are read in it; the first is read at its start. */
  function charged(...runs: number[][]): number[] {
    let ledger = newLedger();
    return runs.map((values, hour) => {
      values.forEach((value, index) => {
        ledger = withValue(ledger, value, index === 0, at(hour));
      });
      const { current } = ledger;
      ledger = closeRun(ledger, DAY);
      return Math.round(current * 100) / 100;
    });
  }

  test('that continues over runs is charged by what it grew', () => {
    expect(charged([10, 10.5], [10.5, 11], [11, 11, 12.5])).toEqual([0.5, 0.5, 1.5]);
  });

  test('that begins again with each run is charged whole', () => {
    expect(charged([0, 0.8], [0, 0.3], [0, 0.5])).toEqual([0.8, 0.3, 0.5]);
  });

  test('that stands from the last run until this one writes it is charged once', () => {
    expect(charged([0, 0.8], [0.8, 0.3], [0.3, 0.9])).toEqual([0.8, 0.3, 0.9]);
  });

  test('that was there before the first run is not charged to it', () => {
    expect(charged([250, 250], [250, 251])).toEqual([0, 1]);
  });
});
