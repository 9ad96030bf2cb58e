import { describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.ts';
import { stateShape } from '../../src/core/state-shape.ts';
import { Bench } from './bench.ts';
import { CONTEXTS, FACT_KEYS, factOf, PHASES, type PhaseKind, rowOf, unordered } from './canonical.ts';
import { ROWS } from './rows.ts';

describe.each(Object.entries(ROWS))('%s', (context, rows) => {
  for (const [kind, row] of Object.entries(rows) as [PhaseKind, (typeof rows)[PhaseKind]][]) {
    test.each(FACT_KEYS)(`${kind}: %s`, key => {
      const before = CONTEXTS[context as keyof typeof CONTEXTS](kind);
      const bench = new Bench({ checksRuns: true }, before);
      bench.obeys = false;
      bench.take(factOf(key));
      expect(rowOf(before, bench.state, bench.effects)).toBe(unordered(row?.[key] ?? 'ignored'));
      const orders = bench.effects.map(({ type }) => type);
      // The state is on disk before anything is done by it, and the watcher ends when all else is done.
      if (orders.includes('save-state')) expect(orders.indexOf('save-state')).toBe(0);
      if (orders.includes('exit-watcher')) expect(orders.indexOf('exit-watcher')).toBe(orders.length - 1);
    });
  }
});

test('a row for every phase that a state file may name', () => {
  const kinds = phaseKinds(stateShape);
  expect(Object.keys(ROWS.plain).sort()).toEqual(kinds);
  expect(Object.keys(PHASES).sort()).toEqual(kinds);
});

test('of every fact that names a run or a timer there is a stale one, and it changes nothing', () => {
  const stale = FACT_KEYS.filter(key => key.startsWith('stale '));
  expect(stale).toHaveLength(9);
  for (const row of Object.values(ROWS).flatMap(rows => Object.values(rows)))
    for (const key of stale) expect(row[key]).toBeUndefined();
});

function phaseKinds(shape: Shape): string[] {
  if (typeof shape === 'string' || !('object' in shape)) throw new Error('the state is no object');
  const phase = shape.object['phase'];
  if (phase === undefined || typeof phase === 'string' || !('kinds' in phase)) throw new Error('no kinds of phases');
  return Object.keys(phase.kinds).sort();
}
