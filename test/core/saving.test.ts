import { describe, expect, test } from 'vitest';
import type { Fact } from '../../src/core/events.ts';
import { Bench } from './bench.ts';

const failed: Fact = { type: 'save-finished', ok: false, why: 'no room' };
const done: Fact = { type: 'save-finished', ok: true, why: null };

describe('a save that fails', () => {
  test('is reported once, tried again every 5 s, and its recovery is reported once', () => {
    const bench = new Bench({ healthyAfterMs: 1e9 }).start().take(failed);
    for (let round = 0; round < 100; round++) {
      bench.effects = [];
      expect(bench.pass(4999).ordered('save-state')).toBe(0);
      expect(bench.pass(1).ordered('save-state')).toBe(1);
      bench.take(failed);
    }
    expect([bench.told('save-failed'), bench.told('save-recovered')]).toEqual([1, 0]);
    bench.pass(5000).take(done).take(done);
    expect([bench.told('save-failed'), bench.told('save-recovered')]).toEqual([1, 1]);
    bench.effects = [];
    expect(bench.pass(60_000).ordered('save-state')).toBe(0);
    bench.take(failed);
    expect(bench.told('save-failed')).toBe(2);
  });

  test('changes nothing in what is supervised, and is no reason for a save', () => {
    const bench = new Bench().start();
    expect(bench.take(failed).ordered('save-state')).toBe(0);
    expect(bench.take(done).ordered('save-state')).toBe(0);
    expect(bench.dies(10).waitOut().phase).toBe('running');
  });

  test('a save of a transition that succeeds ends the retries', () => {
    const bench = new Bench().start().take(failed).dies(10).take(done);
    expect(bench.told('save-recovered')).toBe(1);
    expect(bench.state.saveTimer).toBeNull();
    expect(bench.timers.size).toBe(1);
  });
});

test('the save is the first order of its turn, before any start', () => {
  const bench = new Bench();
  bench.obeys = false;
  expect(bench.start().effects.map(effect => effect.type)).toEqual(['save-state', 'spawn-child']);
});

test('100,000 crashes keep the state small', () => {
  const bench = new Bench({ jitter: 0.1 }).start();
  for (let crash = 0; crash < 100_000; crash++) {
    bench.roll = (crash % 97) / 97;
    bench.dies(crash % 5 === 0 ? 125_000 : 7).waitOut();
    bench.notes.length = 0;
  }
  expect(bench.state.run).toBe(100_001);
  expect(JSON.stringify(bench.state).length).toBeLessThan(4096);
});
