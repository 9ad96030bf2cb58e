import { describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.ts';
import { stateShape } from '../../src/core/state-shape.ts';
import { Bench } from './bench.ts';
import { CONTEXTS, FACT_KEYS, type FactKey, factOf, PHASES, type PhaseKind, rowOf } from './canonical.ts';
import { CLEARING_ROWS } from './rows-clearing.ts';
import { LEAVING_ROWS } from './rows-leaving.ts';
import { PLAIN_ROWS } from './rows-plain.ts';

type Rows = Readonly<Partial<Record<PhaseKind, Readonly<Record<FactKey, string>>>>>;
const tables: Readonly<Record<keyof typeof CONTEXTS, Rows>> = {
  plain: PLAIN_ROWS,
  clearing: CLEARING_ROWS,
  leaving: LEAVING_ROWS,
};

describe.each(Object.entries(tables))('%s', (context, rows) => {
  for (const [kind, row] of Object.entries(rows) as [PhaseKind, Record<FactKey, string>][]) {
    test.each(Object.entries(row) as [FactKey, string][])(`${kind}: %s`, (key, expected) => {
      const before = CONTEXTS[context as keyof typeof CONTEXTS](kind);
      const bench = new Bench({ checksRuns: true }, before);
      bench.obeys = false;
      bench.take(factOf(key));
      expect(rowOf(before, bench.state, bench.effects)).toBe(expected);
    });

    test(`${kind}: a row for every fact that the machine knows`, () => {
      expect(Object.keys(row).sort()).toEqual([...FACT_KEYS].sort());
    });
  }
});

test('a row for every phase that a state file may name', () => {
  const kinds = phaseKinds(stateShape);
  expect(Object.keys(PLAIN_ROWS).sort()).toEqual(kinds);
  expect(Object.keys(PHASES).sort()).toEqual(kinds);
});

test('of every fact that names a run or a timer there is a stale one, and it changes nothing', () => {
  const stale = FACT_KEYS.filter(key => key.startsWith('stale '));
  expect(stale).toHaveLength(9);
  for (const rows of Object.values(tables))
    for (const row of Object.values(rows)) for (const key of stale) expect(row[key]).toBe('ignored');
});

function phaseKinds(shape: Shape): string[] {
  if (typeof shape === 'string' || !('object' in shape)) throw new Error('the state is no object');
  const phase = shape.object['phase'];
  if (phase === undefined || typeof phase === 'string' || !('kinds' in phase)) throw new Error('no kinds of phases');
  return Object.keys(phase.kinds).sort();
}
