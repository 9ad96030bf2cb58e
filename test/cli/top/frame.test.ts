import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { fitted, wrapped } from '../../../src/cli/render/columns.ts';
import { frame, HELP, type Picture } from '../../../src/cli/top/frame.ts';
import { listed, type Pane, type TopRow, type View } from '../../../src/cli/top/view.ts';
import { aRow, aView } from './rows.ts';

const pane = (kind: Pane['kind'], scroll = 0): Pane => ({ kind, label: 'a', scroll, back: 0 });

function picture(
  rows: readonly TopRow[],
  view: View = aView({ selected: rows[0]?.label ?? null }),
  more = {},
): Picture {
  return {
    view,
    rows,
    listed: listed(rows, view),
    lastLine: row => `last of ${row.label}`,
    detail: 'because',
    message: null,
    pane: null,
    clock: '15:46:07',
    stateDir: '/state',
    ...more,
  };
}

const drawn = (of: Picture, columns: number, rows: number) =>
  frame(of, { columns, rows, colours: false }).lines.map(line => line.trimEnd());
const fleet = (count: number) =>
  Array.from({ length: count }, (_, index) => aRow(`s${String(index).padStart(2, '0')}`));

describe('the list', () => {
  test('has totals, columns, a line for each service, the reason of the selected one and the keys', () => {
    const rows = [
      aRow('web'),
      aRow('trader', 'held', { memoryBytes: null, cpuPercent: null, history: [] }),
      aRow('job', 'stopped'),
    ];
    const lines = drawn(picture(rows, aView({ selected: 'trader' })), 80, 24);
    expect(lines).toHaveLength(24);
    expect(lines.slice(0, 7)).toEqual([
      '3 services: 1 in trouble, 1 well, 1 stopped  CPU 3.0%  memory 24M  15:46:07',
      'by trouble   /state',
      '',
      '  NAME   PHASE       CPU   MEM HISTORY  RESTARTS LAST LINE',
      '> trader held          -     -                 0 last of trader',
      '  web    healthy    1.5%   12M ▃▆█             0 last of web',
      '  job    stopped    1.5%   12M ▃▆█             0 last of job',
    ]);
    expect(lines[21]).toBe('trader: because');
    expect(lines[23]).toMatch(/^Enter details .*\? help {2}q quit$/);
  });

  test.each([
    [80, 24],
    [120, 40],
    [40, 8],
  ])('at %dx%d says how many of 60 services are out of sight, wherever the window is', (columns, rows) => {
    const all = fleet(60);
    const at = (selected: string) => drawn(picture(all, aView({ selected })), columns, rows);
    const seen = (lines: readonly string[]) => lines.filter(line => /^[> ] s\d\d /.test(line)).length;
    const top = at('s00');
    expect(top).toContain(`… ${60 - seen(top)} more below`);
    const bottom = at('s59');
    expect(bottom).toContain(`… ${60 - seen(bottom)} more above`);
    expect(bottom.filter(line => line.startsWith('> s59'))).toHaveLength(1);
    const middle = drawn(picture(all, aView({ selected: 's30', offset: 25 })), columns, rows).join('\n');
    expect(middle).toMatch(/^… \d+ more below, \d+ above$/m);
  });

  test('says that there is nothing, or nothing that matches', () => {
    expect(drawn(picture([]), 80, 24)).toContain('no services in /state');
    const none = drawn(picture(fleet(3), aView({ filter: 'x' })), 80, 24);
    expect(none).toContain('no service matches "x"; Esc clears the filter');
    expect(none[1]).toBe('by trouble   filter "x": 0 of 3   /state');
  });

  test('shows what is asked, what is typed, and what came of it', () => {
    const view = aView({ selected: 's00' });
    const asking = { ...view, asking: { verb: 'stop' as const, label: 's00' } };
    expect(drawn(picture(fleet(2), asking), 80, 24).at(-1)).toBe('stop s00? y/N');
    const typing = { ...view, typing: true, filter: 's' };
    expect(drawn(picture(fleet(2), typing), 80, 24).at(-1)).toBe('filter: s_   Enter keeps it, Esc clears it');
    const message = { text: 's00: stopped', bad: false };
    expect(drawn(picture(fleet(2), view, { message }), 80, 24)[21]).toBe('s00: stopped');
  });

  test('leaves out columns, the least needed first, where there is no room', () => {
    const head = (columns: number) =>
      drawn(picture(fleet(2)), columns, 24)
        .find(line => line.includes('NAME'))
        ?.trim();
    expect(head(120)).toBe('NAME PHASE       CPU   MEM HISTORY      RESTARTS LAST LINE');
    expect(head(50)).toBe('NAME PHASE       CPU   MEM HISTORY  RESTARTS');
    expect(head(26)).toBe('NAME PHASE       MEM');
    expect(head(8)).toBe('NAME');
  });
});

describe('a pane', () => {
  const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
  const shown = (one: Pane) =>
    drawn(picture(fleet(1), aView({ pane: one }), { pane: { title: 'a: title', lines } }), 80, 24);

  test('begins at the top, and says how many lines follow', () => {
    const seen = shown(pane('details'));
    expect(seen.slice(0, 2)).toEqual(['a: title   15:46:07', 'line 0']);
    expect(seen).toContain('… 30 more below');
    expect(shown(pane('details', 5))).toContain('… 25 more below, 5 above');
  });

  test('of a log shows its end', () => {
    expect(shown(pane('logs'))).toContain('line 49');
    expect(shown(pane('logs', 3))).not.toContain('line 49');
    expect(shown(pane('logs', 3))).toContain('… 3 more below, 27 above');
  });

  test('wraps what is longer than the terminal, so that nothing is cut', () => {
    const command = `agent-watch start trader --env TOKEN=${'x'.repeat(60)}`;
    const of = picture(fleet(1), aView({ pane: pane('details') }), { pane: { title: 't', lines: [command] } });
    expect(drawn(of, 40, 24).slice(1, 5).join('').replaceAll(' ', '')).toBe(command.replaceAll(' ', ''));
  });

  test('has a help that fits into the smallest usual terminal', () => {
    expect(HELP.length).toBeLessThanOrEqual(21);
    for (const line of HELP) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('columns', () => {
  test.each([
    ['abcdef', 4, 'abc…'],
    ['日本語', 4, '日… '],
    ['日本語', 6, '日本語'],
    ['✅✅✅', 5, '✅✅…'],
    ['👨‍👩‍👧‍👦 family', 4, '👨‍👩‍👧‍👦 …'],
    ['', 2, '  '],
  ])('%s in %d', (text, width, expected) => expect(fitted(text, width)).toBe(expected));

  const text = fc
    .string({ unit: 'grapheme', maxLength: 60 })
    .map(one => one.replace(/[\u0000-\u001f\u007f-\u009f]/g, ''));

  test('a text has exactly the columns that it is given', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (one, width) => stringWidth(fitted(one, width)) === width),
    );
  });

  test('a wrapped text is whole', () => {
    const bare = (one: string) => one.replace(/ /g, '');
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 40 }), (one, width) => {
        expect(bare(wrapped(one, width).join(''))).toBe(bare(one));
      }),
    );
  });

  test('no frame is larger than its terminal', () => {
    const row = fc
      .tuple(text, fc.constantFrom('held', 'healthy', 'stopped' as const))
      .map(([name, phase]) => aRow(`a${name}`, phase));
    const view = fc.record({
      filter: fc.constantFrom('', 'a', 'zz'),
      typing: fc.boolean(),
      asking: fc.constantFrom(null, { verb: 'stop' as const, label: 'a' }),
      pane: fc.constantFrom(null, pane('logs', 3), pane('details', 99), pane('help')),
    });
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 130 }),
      rows: fc.integer({ min: 1, max: 45 }),
      colours: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 70 }), view, size, text, (rows, changes, of, detail) => {
        const content = { title: detail, lines: [detail, 'x'.repeat(300), ''] };
        const { lines } = frame(picture(rows, aView({ selected: 'a', ...changes }), { pane: content, detail }), of);
        expect(lines.length).toBeLessThanOrEqual(of.rows);
        for (const line of lines) expect([0, of.columns]).toContain(stringWidth(line));
      }),
    );
  });
});
