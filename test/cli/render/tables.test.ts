import { expect, test } from 'vitest';
import { alignedRows, cpuText, measureFor, statusTable, type TableRow } from '../../../src/cli/render/tables.ts';
import { aStatus } from '../../support/a-status.ts';

const now = Date.parse('2026-03-02T10:15:04.000Z');
const row = (changes: Partial<TableRow>): TableRow => ({ ...aStatus(), lastCause: null, ...changes });
const table = (...rows: TableRow[]) => statusTable(rows, now, { columns: null, colours: false }).split('\n');
const ended = (cause: 'crash' | 'success' | 'kill-condition', code: number | null) => ({
  code,
  signal: code === null ? ('SIGTERM' as const) : null,
  at: '2026-03-02T10:15:00.000Z',
  cause,
});

test('says a kill condition once', () => {
  const why = 'daily_loss > 10 (daily_loss 12.4)';
  const held = row({
    phase: 'held',
    holdReason: why,
    lastExit: ended('kill-condition', null),
    lastCause: `resource-limit: Kill condition met: ${why}`,
    health: [{ name: 'kill-when', ok: false, severity: 'critical', detail: `met: ${why}`, since: '' }],
  });
  expect(table(held)[1]?.endsWith(`  0         ${why}; last exit: kill-condition (SIGTERM) 4s ago`)).toBe(true);
});

test('puts what finished with a failure among what needs attention', () => {
  const done = row({ name: 'done', phase: 'finished', lastExit: ended('success', 0) });
  const failed = row({ name: 'failed', phase: 'finished', lastExit: ended('crash', 3) });
  const lines = table(row({}), done, failed, row({ name: 'held', phase: 'held' }));
  expect(lines.map(line => line.split(' ')[0])).toEqual(['NAME', 'held', 'failed', 'trader', 'done']);
});

test('shows the share of one core with the digits that tell something', () => {
  expect([null, 0, 2.46, 99.9, 140.2].map(cpuText)).toEqual(['-', '0.0%', '2.5%', '100%', '140%']);
});

test('aligns columns after letters that are two columns wide, and cuts by columns', async () => {
  const rows = [
    ['取引', 'crash', 'KeyError: 価格'],
    ['bot', 'crash', 'x'],
  ];
  await measureFor(rows);
  expect(alignedRows(rows, null)).toBe('取引  crash  KeyError: 価格\nbot   crash  x');
  expect(alignedRows(rows, 26).split('\n')[0]).toBe('取引  crash  KeyError: 価…');
});
