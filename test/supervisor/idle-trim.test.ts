import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FRESH_STATE } from '../../src/core/decide.ts';
import { createIdleTrim } from '../../src/supervisor/observers/observer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function rig() {
  let trims = 0;
  const observer = createIdleTrim(() => void trims++);
  const start = (run: number) => observer.see?.({ ...FRESH_STATE, run });
  const write = (mib: number) => observer.hear?.('stdout', Buffer.alloc(mib * 1024 * 1024));
  return { start, write, trims: () => trims, pass: (ms: number) => vi.advanceTimersByTime(ms) };
}

test('the first start is followed by one trim, further ones only in numbers', () => {
  const { start, trims, pass } = rig();
  start(1);
  pass(2900);
  expect(trims()).toBe(0);
  pass(200);
  expect(trims()).toBe(1);
  for (let run = 2; run < 21; run++) start(run);
  pass(10_000);
  expect(trims()).toBe(1);
  start(21);
  pass(3100);
  expect(trims()).toBe(2);
});

test('it waits for the end of a burst of starts, and of output', () => {
  const { start, write, trims, pass } = rig();
  for (let run = 1; run < 10; run++) {
    start(run);
    pass(2000);
  }
  expect(trims()).toBe(0);
  pass(3000);
  expect(trims()).toBe(1);
  for (let times = 0; times < 20; times++) {
    write(4);
    pass(1000);
  }
  expect(trims()).toBe(1);
  pass(6000);
  expect(trims()).toBe(2);
  pass(60_000);
  expect(trims()).toBe(2);
});

test('starts that never pause are followed by one too, every 500 of them', () => {
  const { start, trims, pass } = rig();
  for (let run = 1; run <= 2100; run++) {
    start(run);
    pass(30);
  }
  expect(trims()).toBe(4);
});
