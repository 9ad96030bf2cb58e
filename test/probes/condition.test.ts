import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCondition } from '../../src/probes/kill-when/condition.ts';
import { prepare } from '../../src/probes/kill-when/prepare.ts';
import { numberOf, parseMetrics } from '../../src/probes/kill-when/values.ts';
import { cpuMsFor } from '../support/processes.ts';

function judge(written: string, metrics: Record<string, unknown>) {
  const condition = parseCondition(written);
  if (typeof condition === 'string') throw new Error(condition);
  const document = parseMetrics(JSON.stringify(metrics));
  if (typeof document === 'string') throw new Error(document);
  return condition.evaluate(document);
}

describe('what people write', () => {
  test.each([
    ['daily_loss > $10 OR cash < $20', 'daily_loss > 10.0 || cash < 20.0'],
    ['loss>$1_000.50 and cash<20 €', 'loss>1000.50 && cash<20.0'],
    ['pnl < -$50', 'pnl < -50.0'],
    ['pnl < $-50', 'pnl < -50.0'],
    ['NOT cash > 20', '!( cash > 20.0)'],
    ['not (a > 1) And b > 2', '!( (a > 1.0) )&& b > 2.0'],
    ['(not a > 1 or b) && c', '(!( a > 1.0 )|| b) && c'],
    ['name == "a AND $5_0" or x_1 > 1', 'name == "a AND $5_0" || x_1 > 1.0'],
    ["s == 'it\\'s $5'", "s == 'it\\'s $5'"],
    ['a.or > 1e3 && order > 0x10', 'a.or > 1e3 && order > 16.0'],
    ['x > .5', 'x > 0.5'],
    ['list[0] > 1u', 'list[0.0] > 1.0'],
  ])('%s', (written, text) => expect(prepare(written).text).toBe(text));

  test('whatever is written, no text makes it fail, and every position has its origin', () => {
    const piece = fc.constantFrom(
      '$',
      '€',
      '1',
      '_',
      '.',
      ' ',
      'a',
      'NOT ',
      ' AND ',
      '"',
      "'",
      '(',
      ')',
      '\\',
      '==',
      '-',
      '😀',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), pieces => {
        const written = pieces.join('');
        const { text, origin } = prepare(written);
        expect(origin).toHaveLength(text.length + 1);
        expect(origin.at(-1)).toBe(written.length);
        const parsed = parseCondition(written);
        if (typeof parsed === 'string') expect(parsed).not.toMatch(/\n/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a condition that does not parse', () => {
  test.each([
    ['', 'it is empty; write one such as daily_loss > 10'],
    ['daily_loss >', 'it ends where a name, a number or a quoted text was expected (column 13)'],
    ['daily_loss > > 10', '">" stands where a name, a number or a quoted text was expected (column 14)'],
    ['(a > 3 OR b > 4', 'it ends where ")" was expected (column 16)'],
    ['a > 3)', '")" stands where an operator such as >, ==, AND or OR was expected (column 6)'],
    ['cash < $20 LOSS > 3', '"LOSS" stands where an operator such as >, ==, AND or OR was expected (column 12)'],
    ['a = 3', '"=" compares nothing; write == (column 3)'],
    ['a == "x', 'a quoted text is not closed (column 6)'],
    ['cash', null],
    ['cash + 1', 'it is a value, not a condition; compare it with something, as in daily_loss > 10'],
    ['abs(cash) > 1', 'there is no function abs for such values (column 1)'],
  ])('%s', (written, words) => {
    const parsed = parseCondition(written);
    if (words === null) expect(parsed).toBeTypeOf('object');
    else expect(parsed).toBe(words);
  });
});

describe('a condition', () => {
  test.each([
    ['daily_loss > $10 OR cash < $20', { daily_loss: 10.01, cash: 100 }, 'tripped'],
    ['daily_loss > $10 OR cash < $20', { daily_loss: 10, cash: 20 }, 'clear'],
    ['daily_loss > $10 OR cash < $20', { daily_loss: '$12.50', cash: '1,200.00' }, 'tripped'],
    ['daily_loss > 10 OR cash < 20', { cash: 19.5 }, 'tripped'],
    ['daily_loss > 10 OR cash < 20', { daily_loss: null, cash: 19.5 }, 'tripped'],
    ['daily_loss > 10 OR cash < 20', { cash: 100 }, 'blind'],
    ['daily_loss > 10 AND cash < 20', { cash: 100 }, 'clear'],
    ['daily_loss > 10', { daily_loss: null }, 'blind'],
    ['daily_loss > 10', { daily_loss: 'NaN' }, 'blind'],
    ['daily_loss > 10', { daily_loss: 'unknown' }, 'blind'],
    ['account.cash.usd < 20', { account: { cash: { usd: 19 } } }, 'tripped'],
    ['account.cash.usd < 20', { 'account.cash.usd': 19 }, 'tripped'],
    ['account.cash.usd < 20', { account: 7 }, 'blind'],
    ['wins / trades < 0.5', { wins: 0, trades: 0 }, 'blind'],
    ['wins / trades < 0.5', { wins: 1, trades: 3 }, 'tripped'],
    ['(wins + 1) / (trades - 1) < 0.5 or x', { wins: -1, trades: 1, x: false }, 'blind'],
    ['1 / 2 * loss > 5', { loss: 11 }, 'tripped'],
    ['size(errors) + 1 > 2', { errors: ['a', 'b'] }, 'tripped'],
    ['positions.exists(p, p.loss > 5)', { positions: [{ loss: 1 }, { loss: 6 }] }, 'tripped'],
    ['step % 2 == 0', { step: 4 }, 'tripped'],
    ['status == "liquidated"', { status: 'ok' }, 'clear'],
    ['NOT solvent', { solvent: false }, 'tripped'],
    ['NOT cash > 20', { cash: 19 }, 'tripped'],
    ['halted', { halted: true }, 'tripped'],
    ['halted', { halted: 3 }, 'blind'],
    ['memory > 2_000_000_000', { memory: 2e9 + 1 }, 'tripped'],
    ['constructor > 1 || toString > 1', {}, 'blind'],
  ])('%s over %j is %s', (written, metrics, kind) => expect(judge(written, metrics).kind).toBe(kind));

  test('it says why', () => {
    expect(judge('daily_loss > $10 OR cash < $20', { daily_loss: 12.5, cash: 40 })).toEqual({
      kind: 'tripped',
      why: 'daily_loss > $10 OR cash < $20 (daily_loss 12.5, cash 40)',
    });
    expect(judge('daily_loss > 10 OR cash < 20', { cash: 40 })).toEqual({
      kind: 'blind',
      why: 'no value for daily_loss (cash 40)',
      missing: ['daily_loss'],
    });
  });

  test('names are what it needs', () => {
    const condition = parseCondition('a.b > 1 or size(fills) > 2 or fills.exists(x, x.y > z) or has(q.r) or a.b < 0');
    expect(condition).toMatchObject({ names: ['a.b', 'fills', 'z'] });
  });
});

test.each([
  ['12.50', 12.5],
  ['$12.50', 12.5],
  ['-$1,234.5', -1234.5],
  ['$-3', -3],
  ['20 €', 20],
  ['1e3', 1000],
  ['12,5', null],
  ['12 apples', null],
  ['', null],
  ['$', null],
])('%s as a number', (text, value) => expect(numberOf(text)).toBe(value));

test('a NaN that Python writes leaves the other numbers readable', () => {
  expect(parseMetrics('{"pnl": NaN, "cash": 5, "note": "NaN", "x": -Infinity}')).toEqual({
    pnl: null,
    cash: 5,
    note: null,
    x: null,
  });
});

test('a condition that takes too long is blind, and soon', () => {
  const text = `${'a'.repeat(64)}!`;
  const rows = Array.from({ length: 400 }, (_, index) => index);
  const judgeBoth = () => {
    expect(judge('name.matches("^(a+)+$") or loss > 10', { name: text, loss: 1 })).toEqual({
      kind: 'blind',
      why: 'it takes longer than 100ms',
      missing: [],
    });
    expect(judge('rows.all(a, rows.all(b, rows.all(c, a + b + c >= 0)))', { rows }).kind).toBe('blind');
  };
  expect(cpuMsFor(judgeBoth)).toBeLessThan(5000);
  expect(judge('name.matches("^a+!$") and loss > 10', { name: text, loss: 11 }).kind).toBe('tripped');
  expect(judge('name.matches("(") or loss > 10', { name: text, loss: 1 }).kind).toBe('blind');
});

describe('values of different types are compared by what they read as, since a source may quote anything', () => {
  test.each([
    ['halted == true', { halted: 'true' }, 'tripped'],
    ['connected == false', { connected: 'False' }, 'tripped'],
    ['connected != true', { connected: 'False' }, 'tripped'],
    ['halted == "true"', { halted: true }, 'tripped'],
    ['code == "7"', { code: 7 }, 'tripped'],
    ['"7" != code', { code: 7 }, 'clear'],
    ['code == 7', { code: 'seven' }, 'clear'],
    ['halted == 1', { halted: true }, 'tripped'],
    ['size(rows) == "2"', { rows: [1, 2] }, 'tripped'],
    ['mode == "paper"', { mode: 'live' }, 'clear'],
    ['halted == true', { halted: 'maybe' }, 'blind'],
  ] as const)('%s of %j', (written, metrics, kind) => expect(judge(written, metrics).kind).toBe(kind));

  test('what has no answer is said', () => {
    expect(judge('halted == true', { halted: 'maybe' }).why).toContain('"maybe" is compared with true');
  });
});
