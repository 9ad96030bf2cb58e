import { expect, test } from 'vitest';
import { localTime } from '../../src/host/clock.ts';

const now = new Date(2026, 11, 30, 9, 5).getTime();

test.each([
  ['today', new Date(2026, 11, 30, 15, 46), '15:46'],
  ['on another day', new Date(2026, 9, 9, 15, 46), 'Oct 09 15:46'],
  ['in another year', new Date(2027, 4, 18, 7, 0), 'May 18 2027 07:00'],
])('a time %s is told as short as it is clear', (_when, at, text) => expect(localTime(at.getTime(), now)).toBe(text));
