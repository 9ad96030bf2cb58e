import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Observation } from '../../src/core/health-model.ts';
import type { Mono } from '../../src/core/units.ts';
import {
  createLineMatcher,
  createLineSplitter,
  LINE_BYTES,
  mayBacktrack,
  skippedText,
} from '../../src/probes/output-feed.ts';
import { createSlidingCount, errorRateProbe, failPatternProbe, staleProbe } from '../../src/probes/output-probes.ts';
import { cpuMsFor } from '../support/processes.ts';
import { ask, noMembers, spec } from './rig.ts';

const at = (ms: number) => ms as Mono;

describe('lines', () => {
  test.each([
    ['whole lines', ['a\nb\n'], ['a', 'b']],
    ['a line in pieces', ['a', 'b', 'c\nd', '\n'], ['abc', 'd']],
    ['Windows line ends', ['a\r\nb\r\n'], ['a', 'b']],
    ['a split character', [Buffer.from('grün\n').subarray(0, 3), Buffer.from('grün\n').subarray(3)], ['grün']],
    ['a spinner that never ends its line', ['\r|', '\r/', '\r-', '\r\\'], []],
    ['what is drawn over is not seen', ['\r10 %\r50 %\r100 %\ndone\n'], ['100 %', 'done']],
    ['drawn over in pieces', ['10 %', '\r50 %', '\r99 %', ' of it\n'], ['99 % of it']],
    ['blank lines', ['\n\n'], ['', '']],
  ])('%s', (_name, chunks, lines) => {
    const splitter = createLineSplitter();
    expect(chunks.flatMap(chunk => splitter.push(Buffer.from(chunk)))).toEqual(lines);
  });

  test('a line without an end takes no more than its room', () => {
    const splitter = createLineSplitter();
    for (let n = 0; n < 100; n++) splitter.push(Buffer.alloc(65_536, 'x'));
    const [line] = splitter.push(Buffer.from('\n'));
    expect(line!.length).toBe(LINE_BYTES);
    expect(splitter.push(Buffer.from('next\n'))).toEqual(['next']);
  });

  test('however the bytes are cut, the lines are the same', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n', ' ', '€') });
    fc.assert(
      fc.property(text, fc.array(fc.nat(7)), (all, cuts) => {
        const bytes = Buffer.from(all);
        const splitter = createLineSplitter();
        const lines: string[] = [];
        let from = 0;
        for (const cut of [...cuts, bytes.length]) {
          lines.push(...splitter.push(bytes.subarray(from, from + cut)));
          from += cut;
        }
        expect(lines).toEqual(all.split('\n').slice(0, -1));
      }),
    );
  });
});

describe('patterns', () => {
  test.each(['ERROR|FATAL', '^done', 'step \\d+', '[*+?]{1}', 'a\\*b+', '(?:error|panic)', '(?<loss>\\d+)'])(
    '%s is matched directly',
    source => expect(mayBacktrack(source)).toBe(false),
  );
  test.each(['(a+)+$', '(a|a)*b', '.*x.*', '(a)\\1', '(?:a{1,9}){9}', 'a?a?a?a?a?a?a?a?a?a?a'])(
    '%s is limited',
    source => expect(mayBacktrack(source)).toBe(true),
  );

  test.each([/^(a+)+$/i, /(?<all>[a-f]+)+$/, /^(?:a|a)*FATAL/i, /(?:.*,){11}P/])(
    '%s takes linear time, so that slow lines hide no other',
    pattern => {
      const matcher = createLineMatcher(pattern);
      const found: number[] = [];
      const slow = Array.from({ length: 500 }, () => `${'a'.repeat(60)}!`);
      const scan = () =>
        matcher.scan([...slow, 'aaaFATAL', 'aaa', 'a,,,,,,,,,,,P'], (_match, index) => found.push(index) > 0);
      expect(cpuMsFor(scan)).toBeLessThan(2000);
      expect(found.length).toBeGreaterThan(0);
      expect(matcher.skipped).toBe(0);
    },
  );

  test('letters match in either case without the flag, also in classes and beside groups by name', () => {
    const matcher = createLineMatcher(/^(?<what>[a-c]+|err\w*)+: (?:X+)+ [^y]$/i);
    const found: (string | undefined)[] = [];
    matcher.scan(['ErrOR: xX z', 'aBc: X q', 'abc: x Y'], match => found.push(match.groups?.['what']) > 0);
    expect(found).toEqual(['ErrOR', 'aBc']);
  });

  test('one that no engine matches in linear time skips lines when its time is used up, and counts them', () => {
    const matchers = Array.from({ length: 6 }, () => createLineMatcher(/^(a+)+\1$/));
    const scan = () => {
      for (const matcher of matchers) matcher.scan([`${'a'.repeat(60)}!`, `${'a'.repeat(60)}!`, 'b'], () => true);
    };
    expect(cpuMsFor(scan)).toBeLessThan(1500);
    expect(matchers.reduce((sum, { skipped }) => sum + skipped, 0)).toBeGreaterThanOrEqual(12);
    expect(skippedText(matchers[5]!)).toBe(' (3 lines skipped: matching the pattern takes too long)');
  });

  test('a pattern with a sticky or global flag matches every line', () => {
    let found = 0;
    createLineMatcher(/x/g).scan(['x', 'x', 'x'], () => ++found > 0);
    expect(found).toBe(3);
  });

  test('backwards, the newest comes first', () => {
    const seen: number[] = [];
    createLineMatcher(/x/).scan(['x', 'y', 'x'], (_match, index) => seen.push(index) < 1, true);
    expect(seen).toEqual([2]);
  });
});

describe('probes that listen', () => {
  test('any byte is life; with a pattern only what matches', async () => {
    const any = staleProbe(
      spec({ kind: 'stale', afterMs: 2000, progressPattern: null, when: 'silent' }),
      () => at(0),
      noMembers,
    );
    expect(await ask(any)).toEqual({ kind: 'progress', at: null, detail: 'no output' });
    any.hearOutput?.(at(5));
    expect(await ask(any)).toMatchObject({ at: 5 });
    const progress = staleProbe(
      spec({ kind: 'stale', afterMs: 2000, progressPattern: /^done/, when: 'silent' }),
      () => at(0),
      noMembers,
    );
    progress.hearLines?.(['retrying…', 'retrying…'], at(7));
    expect(await ask(progress)).toEqual({ kind: 'progress', at: null, detail: 'no line matching /^done/' });
    progress.hearLines?.(['done 1', 'retrying…'], at(9));
    expect(await ask(progress)).toMatchObject({ at: 9 });
  });

  test('a failing line is reported once, without control sequences, and no word of it in part', async () => {
    const said: Observation[] = [];
    const probe = failPatternProbe(spec({ kind: 'fail-pattern', pattern: /CUDA error/ }), seen => said.push(seen));
    expect(await ask(probe)).toMatchObject({ ok: true });
    probe.hearLines?.(
      ['fine', `\x1b[31mCUDA error\x1b[0m\x07 ${'x '.repeat(500)}${'y'.repeat(5000)}`, 'CUDA error again'],
      at(1),
    );
    probe.hearLines?.(['CUDA error'], at(2));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ ok: false, detail: expect.stringMatching(/^a line matched: CUDA error (?:x )+$/) });
    expect((said[0] as { detail: string }).detail.length).toBeLessThan(2100);
  });

  test('an error rate speaks up when it is passed, once, and is well when the window has slid on', async () => {
    let now = 0;
    const said: Observation[] = [];
    const rate = { count: 3, windowMs: 60_000 };
    const probe = errorRateProbe(
      spec({ kind: 'error-rate', rate, pattern: null }),
      () => at(now),
      seen => said.push(seen),
    );
    for (; now < 30_000; now += 10_000) probe.hearLines?.(['ERROR: no', 'fine'], at(now));
    expect(said).toEqual([]);
    probe.hearLines?.(['Traceback (most recent call last):', 'x error'], at(now));
    expect(said).toEqual([{ kind: 'answer', ok: false, detail: '5 errors in 1m', value: 5 }]);
    probe.hearLines?.(['error'], at(now));
    expect(said).toHaveLength(1);
    now = 95_000;
    expect(await ask(probe)).toMatchObject({ ok: true, value: 0 });
  });

  test('a sliding count takes no more memory for more events', () => {
    const counter = createSlidingCount(3_600_000);
    for (let ms = 0; ms < 7_200_000; ms += 1000) counter.add(at(ms), 10);
    const count = counter.count(at(7_200_000));
    expect(count).toBeGreaterThan(35_600);
    expect(count).toBeLessThanOrEqual(36_000);
  });
});
