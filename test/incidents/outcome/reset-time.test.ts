import { expect, test } from 'vitest';
import { latestTime } from '../../../src/incidents/outcome/reset-time.ts';

// A Wednesday; Berlin is two hours ahead until the 25th.
const now = Date.parse('2026-10-14T09:30:00Z');
const reader = { now, zone: 'Europe/Berlin' };
const timeIn = (text: string, at = reader) => {
  const found = latestTime(text, at);
  return found === null ? null : new Date(found).toISOString().replace('.000Z', 'Z');
};

test.each([
  ['resets 5pm', '2026-10-14T15:00:00Z'],
  ['resets 5:05 p.m.', '2026-10-14T15:05:00Z'],
  ['resets at 17:05:30', '2026-10-14T15:05:30Z'],
  ['resets at noon', '2026-10-14T10:00:00Z'],
  ['resets 9am (America/Los_Angeles)', '2026-10-14T16:00:00Z'],
  ['resets 6pm UTC', '2026-10-14T18:00:00Z'],
  ['resets 6pm GMT+2', '2026-10-14T16:00:00Z'],
  ['try again at 5pm on Friday', '2026-10-16T15:00:00Z'],
  ['resets Fri', '2026-10-15T22:00:00Z'],
  ['available again on Oct 20', '2026-10-19T22:00:00Z'],
  ['try again on 20th October, 2026 at 3 PM', '2026-10-20T13:00:00Z'],
  ['will reset on 10/20/26', '2026-10-19T22:00:00Z'],
  ['will reset on 20/10/2026', '2026-10-19T22:00:00Z'],
  ['until 2026-10-20 08:00:00', '2026-10-20T06:00:00Z'],
  ['until 2026-10-20T08:00:00+05:30', '2026-10-20T02:30:00Z'],
  ['back tomorrow at 7:30', '2026-10-15T05:30:00Z'],
  ['try again in 2h39m52s', '2026-10-14T12:09:52Z'],
  ['try again in about 4 days and 20 hours', '2026-10-19T05:30:00Z'],
  ['retry in 34.07s', '2026-10-14T09:30:34.070Z'],
  ['retry after 31', '2026-10-14T09:30:31Z'],
  ['Retry-After: 120', '2026-10-14T09:32:00Z'],
  ['"retry_after_ms": 1500', '2026-10-14T09:30:01.500Z'],
  ['x-ratelimit-reset-tokens: 6m0s', '2026-10-14T09:36:00Z'],
  ['"resetsAt":1791993600', '2026-10-14T16:00:00Z'],
  ["'X-RateLimit-Reset': '1791993600000'", '2026-10-14T16:00:00Z'],
  ['anthropic-ratelimit-tokens-reset: 2026-10-14T10:00:00Z', '2026-10-14T10:00:00Z'],
])('"%s" is read', (text, expected) => expect(timeIn(text)).toBe(expected));

test.each([
  'the 5 hour limit is reached',
  'git reset 3 commits',
  'reset the counter to 15:00 entries of 20:00',
  'limit 30000, used 29900',
  'resets soon',
  'resets on 31/31/2026',
  'resets at 25:70',
])('"%s" names no time', text => expect(timeIn(text)).toBeNull());

test('of several windows the latest counts', () => {
  expect(timeIn('session resets 3pm, weekly resets Sat 9am')).toBe('2026-10-17T07:00:00Z');
  expect(timeIn('x-ratelimit-reset-requests: 2s\nx-ratelimit-reset-tokens: 90s')).toBe('2026-10-14T09:31:30Z');
});

test('a field beats words', () =>
  expect(timeIn('try again at 5pm {"resets_in_seconds":60}')).toBe('2026-10-14T09:31:00Z'));

test('a time of day that passed less than 10 minutes ago means now, one that passed longer ago the next day', () => {
  expect(timeIn('resets 11:21am')).toBe('2026-10-14T09:30:00Z');
  expect(timeIn('resets 11:19am')).toBe('2026-10-15T09:19:00Z');
});

test("a clock change between now and then is the calendar's", () => {
  const before = { now: Date.parse('2026-10-24T20:00:00Z'), zone: 'Europe/Berlin' };
  expect(timeIn('resets 9am', before)).toBe('2026-10-25T08:00:00Z');
});
