import { describe, expect, test } from 'vitest';
import { agreementOf, calibrationText, type JudgedRun, verdictIn, verdictText } from '../../src/core/judgement.ts';

type Cell = [mark: 'good' | 'bad' | null, verdict: 'pass' | 'fail' | 'unsure', calibration?: string | null];

function runsOf(cells: readonly Cell[]): JudgedRun[] {
  return cells.map(([mark, verdict, calibration = 'one'], index) => ({
    run: index + 1,
    verdict: { verdict, reasons: [], note: null, calibration, source: 'openai', model: 'm', costUsd: null, ms: 1 },
    mark: mark === null ? null : { mark, why: null, at: '2026-11-29T10:00:00Z' },
  }));
}

/** So many runs of each cell of a confusion matrix. */
const matrix = (goodPass: number, goodFail: number, badPass: number, badFail: number): JudgedRun[] =>
  runsOf([
    ...Array<Cell>(goodPass).fill(['good', 'pass']),
    ...Array<Cell>(goodFail).fill(['good', 'fail']),
    ...Array<Cell>(badPass).fill(['bad', 'pass']),
    ...Array<Cell>(badFail).fill(['bad', 'fail']),
  ]);

describe('agreement', () => {
  test.each([
    // Known values of the literature: 45/15/25/15 and 25/35/5/35 of 100 have kappas of 0.13 and 0.26.
    [45, 15, 25, 15, 0.6, 0.1304],
    [25, 35, 5, 35, 0.6, 0.2593],
    [20, 5, 10, 15, 0.7, 0.4],
    [10, 0, 0, 10, 1, 1],
    [8, 2, 2, 8, 0.8, 0.6],
    [0, 10, 10, 0, 0, -1],
    [10, 10, 10, 10, 0.5, 0],
    // One of the two always says the same.
    [15, 5, 0, 0, 0.75, 0],
    [15, 0, 5, 0, 0.75, 0],
    [20, 0, 0, 0, 1, null],
    [0, 0, 0, 20, 1, null],
    [0, 0, 0, 0, null, null],
    [1, 0, 0, 1, 1, 1],
  ])('of %i good passes, %i good fails, %i bad passes, %i bad fails is %d, kappa %d', (a, b, c, d, share, kappa) => {
    const found = agreementOf(matrix(a, b, c, d));
    expect(found.marks).toBe(a + b + c + d);
    if (share === null) expect(found.agreement).toBeNull();
    else expect(found.agreement).toBeCloseTo(share, 10);
    if (kappa === null) expect(found.kappa).toBeNull();
    else expect(found.kappa).toBeCloseTo(kappa, 4);
  });

  test('names the runs on which judge and person disagree', () => {
    const found = agreementOf(
      runsOf([
        ['good', 'pass'],
        ['good', 'fail'],
        ['bad', 'unsure'],
        [null, 'fail'],
        ['bad', 'pass'],
      ]),
    );
    expect(found.disagreements).toEqual([2, 5]);
    expect(found.confusion).toEqual({ good: { pass: 1, fail: 1, unsure: 0 }, bad: { pass: 1, fail: 0, unsure: 1 } });
    expect(found.marks).toBe(3);
  });

  test('begins again with another rubric, model or prompt', () => {
    const before = matrix(10, 0, 0, 10);
    expect(agreementOf(before).calibrated).toBe(true);
    const after = agreementOf([...before, ...runsOf([[null, 'pass', 'two']])]);
    expect(after).toMatchObject({ calibration: 'two', marks: 0, calibrated: false });
  });

  test('is not changed by a run of which no model was asked', () => {
    const found = agreementOf([...matrix(10, 0, 0, 10), ...runsOf([['bad', 'unsure', null]])]);
    expect(found).toMatchObject({ calibration: 'one', marks: 20, calibrated: true });
  });
});

describe('a judge', () => {
  test.each<[JudgedRun[], string]>([
    [[], 'not calibrated (0 of 20 marks)'],
    [matrix(2, 0, 0, 1), 'not calibrated (3 of 20 marks)'],
    [matrix(10, 0, 0, 9), 'not calibrated (19 of 20 marks)'],
    [matrix(8, 2, 2, 8), 'calibrated (20 marks, kappa 0.60)'],
    [matrix(8, 3, 2, 8), 'not calibrated (21 marks, kappa 0.52, 0.6 needed)'],
    [matrix(20, 0, 0, 0), 'not calibrated (20 marks, kappa not defined: all marks are good)'],
    [matrix(0, 0, 0, 20), 'not calibrated (20 marks, kappa not defined: all marks are bad)'],
  ])('is calibrated by 20 marks and a kappa of 0.6 (case %#)', (runs, text) => {
    const agreement = agreementOf(runs);
    expect(calibrationText(agreement)).toBe(text);
    expect(agreement.calibrated).toBe(text.startsWith('calibrated'));
  });
});

test.each([null, {}, { verdict: 'yes' }, { verdict: 1 }, { verdict: ['pass'] }])(
  'a verdict of a file that is none is none: %j',
  value => {
    expect(verdictIn(value as never)).toBeNull();
  },
);

test('a verdict of a file whose fields are of other types is read as far as it goes', () => {
  expect(verdictIn({ verdict: 'fail', reasons: [1, { why: 'x', quote: 'y' }, null], ms: 'x', model: 3 })).toEqual({
    verdict: 'fail',
    reasons: [{ why: 'x', quote: 'y' }],
    note: null,
    calibration: null,
    source: null,
    model: null,
    costUsd: null,
    ms: 0,
  });
});

test('a verdict in words has its reason and what it is worth', () => {
  const [run] = runsOf([[null, 'fail']]);
  const verdict = verdictIn({ ...run?.verdict, reasons: [{ why: 'no file is named', quote: 'all good' }] } as never);
  expect(verdict === null ? '' : verdictText(verdict, 'not calibrated (0 of 20 marks)')).toBe(
    'fail: no file is named ("all good"); not calibrated (0 of 20 marks)',
  );
});
