import { expect, test } from 'vitest';
import { stateDiagram, transitions } from '../../scripts/state-diagram.ts';
import { FACT_KEYS, factOf } from '../core/canonical.ts';
import { ROWS } from '../core/rows.ts';

const known = new Set(transitions().map(({ from, to, fact }) => `${from} ${to} ${fact}`));
/** Asked of a watcher that is to end, which the diagram leaves out. */
const late = ['restart-requested', 'reset-requested'];

test.each(Object.entries(ROWS))(
  'every change of phase in the table of states and facts is an arrow (%s)',
  (context, table) => {
    const missing: string[] = [];
    for (const [from, row] of Object.entries(table)) {
      for (const key of FACT_KEYS) {
        const [to] = (row[key] ?? 'ignored').split(/[+:]/);
        const { type } = factOf(key);
        const bug = row[key]?.includes('report-bug') || (context === 'leaving' && late.includes(type));
        if (to === 'ignored' || to === from || bug) continue;
        const arrow = `${type === 'watcher-started' ? 'start' : from} ${to} ${type}`;
        if (!known.has(arrow)) missing.push(arrow);
      }
    }
    expect(missing).toEqual([]);
  },
);

test('every phase can be entered and left', () => {
  const diagram = stateDiagram();
  const phases = Object.keys(ROWS.plain);
  for (const phase of phases) {
    expect(diagram, phase).toMatch(new RegExp(`--> ${phase}:`));
    expect(diagram, phase).toMatch(new RegExp(`^ +${phase} -->`, 'm'));
  }
});
