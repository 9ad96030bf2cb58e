import { describe, expect, test } from 'vitest';
import { bornAfterTicks, signOfLife, type TreeReading, usualShare } from '../../src/core/idleness.ts';
import type { Mono } from '../../src/core/units.ts';

const at = (ms: number) => ms as Mono;
const process = { pid: 10, startTicks: 0, cpuMs: 1000, threadsMs: 1000, starvedMs: 0, reapedFaults: 0 };
const socket = { inode: 7, received: 5000, acked: 900, receivedAgoMs: 600_000 };
const before: TreeReading = {
  at: at(600_000),
  nowTicks: 60_000,
  processes: [process],
  sockets: [socket],
  files: [{ name: '/srv/out.log', bytes: 10 }],
  opened: 40,
};
/** Half a minute later, nothing has happened. */
const idle: TreeReading = {
  ...before,
  at: at(630_000),
  nowTicks: 63_000,
  sockets: [{ ...socket, receivedAgoMs: 630_000 }],
};
const options = {
  lookEveryMs: 30_000,
  cpuSince: before,
  quiet: true,
  usualShare: 0.005,
  bornAfterTicks: 200,
};
const signIn = (now: Partial<TreeReading>, more: Partial<typeof options> = {}) =>
  signOfLife(before, { ...idle, ...now }, { ...options, ...more });

describe('a tree is idle', () => {
  test.each<[string, Partial<TreeReading>]>([
    ['that did nothing at all', {}],
    [
      'that only opened a socket',
      { sockets: [...idle.sockets, { inode: 8, received: 0, acked: 1, receivedAgoMs: 0 }] },
    ],
    ['whose request was sent again', { sockets: [{ ...socket, acked: 9000 }] }],
    [
      'that woke up often on a busy machine',
      { processes: [{ ...process, cpuMs: 1600, threadsMs: 1600, starvedMs: 9000 }] },
    ],
    [
      'that redraws on a machine with no CPU to spare',
      { processes: [{ ...process, cpuMs: 1030, threadsMs: 1030, starvedMs: 20_000 }] },
    ],
    ['whose event loop turned', { processes: [{ ...process, cpuMs: 1600, threadsMs: 1600 }] }],
    ['on a machine where others connect', { opened: 90 }],
  ])('%s', (_what, now) => expect(signIn(now)).toBeNull());
});

test('a moment of CPU time is no sign of life, though the count in ticks steps on within a short look', () => {
  const now = { at: at(600_300), processes: [{ ...process, cpuMs: 1010, threadsMs: 1001 }] };
  expect(signIn(now, { lookEveryMs: 300 })).toBeNull();
  const worked = { at: at(600_300), processes: [{ ...process, cpuMs: 1010, threadsMs: 1012 }] };
  expect(signIn(worked, { lookEveryMs: 300 })).toMatchObject({ words: 'CPU time used' });
});

test('threads that worked and ended count by what the process has used', () => {
  const now = { processes: [{ ...process, cpuMs: 5000, threadsMs: 1001 }] };
  expect(signIn(now)).toMatchObject({ words: 'CPU time used' });
});

describe('a sign of life', () => {
  test.each<[string, Partial<TreeReading>]>([
    ['data received', { sockets: [{ ...socket, received: 5002, receivedAgoMs: 4000 }] }],
    ['data received', { sockets: [{ inode: 9, received: 300, acked: 200, receivedAgoMs: 10 }] }],
    ['data sent', { sockets: [{ ...socket, acked: 90_000 }] }],
    ['a file growing', { files: [{ name: '/srv/out.log', bytes: 11 }] }],
    ['CPU time used', { processes: [{ ...process, cpuMs: 5000 }] }],
    ['CPU time used', { processes: [{ ...process, cpuMs: 1900, starvedMs: 16_000 }] }],
    ['a connection made', { opened: 41, processes: [{ ...process, threadsMs: 1002 }] }],
  ])('is %s', (words, now) => expect(signIn(now)).toMatchObject({ weak: false, words }));

  test('is at the time at which the data came', () => {
    const received = { ...socket, received: 5002, receivedAgoMs: 4000 };
    expect(signIn({ sockets: [received] })?.at).toBe(626_000);
  });

  test('is an unusual share of a core, where little is usual', () => {
    const now = { processes: [{ ...process, cpuMs: 2500 }] };
    expect(signIn(now)).toMatchObject({ words: 'CPU time used' });
    expect(signIn(now, { usualShare: 0.04 })).toBeNull();
  });

  test('is a weak one where a process is younger than the silence, or came and went', () => {
    const tool = { ...process, pid: 11, startTicks: 30_000, cpuMs: 0, threadsMs: 0 };
    expect(signIn({ processes: [process, tool] })).toMatchObject({ weak: true, words: 'a process started since' });
    expect(signIn({ processes: [process, tool] }, { bornAfterTicks: 30_000 })).toBeNull();
    expect(signIn({ processes: [{ ...process, reapedFaults: 90 }] })).toMatchObject({ weak: true });
  });
});

describe('a process is younger than the silence', () => {
  const LIMIT_MS = 600_000;
  // The command started at tick 0, and the machine's two clocks differ by nothing.
  const bornAfter = (silentSince: number, first = before) => bornAfterTicks(first, at(silentSince), LIMIT_MS);

  test('that started after the last line, or ten seconds before it', () => {
    expect(bornAfter(300_000)).toBe(29_000);
  });
  test('but not where it belongs to the start of the command', () => {
    expect(bornAfter(2000)).toBe(300);
  });
  test('though the machine was suspended after the first look', () => {
    expect(bornAfter(300_000, { ...before, nowTicks: 60_000 + 360_000 })).toBe(29_000 + 360_000);
  });
});

test('the usual share of a tree is that over its life', () => {
  expect(usualShare(before)).toBeCloseTo(1000 / 600_000);
});
