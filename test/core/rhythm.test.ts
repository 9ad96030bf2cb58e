import { describe, expect, it } from 'vitest';
import { addSilence, DECIDE_S, judgeSilence, newRhythm, type Rhythm } from '../../src/core/rhythm.ts';

const HOUR = 3600;

/** Silences one after the other; returns how many of them were longer than allowed. */
function live(rhythm: Rhythm, silences: Iterable<number>): number {
  const before = rhythm.exceeded;
  for (const silence of silences) addSilence(rhythm, silence, judgeSilence(rhythm));
  return rhythm.exceeded - before;
}

function* everyS(seconds: number, forS: number): Generator<number> {
  for (let at = 0; at < forS; at += seconds) yield seconds;
}

/** Short silences, and now and then one that is longer than any before. */
function* growing(forS: number): Generator<number> {
  let longest = 60;
  for (let at = 0; at < forS; longest *= 1.7) {
    for (let index = 0; index < 20; index++) yield 2;
    yield longest;
    at += 40 + longest;
  }
}

describe('what silence means', () => {
  it('is not judged within the first hour', () => {
    const rhythm = newRhythm();
    live(rhythm, everyS(10, 0.9 * HOUR));
    expect(judgeSilence(rhythm)).toEqual({ kind: 'learning' });
  });

  it('is a hang after ten minutes for a program that writes every ten seconds', () => {
    const rhythm = newRhythm();
    live(rhythm, everyS(10, 2 * HOUR));
    expect(judgeSilence(rhythm)).toEqual({ kind: 'watchable', pattern: 'steady', limitS: 600 });
  });

  it('is a hang soon after its time for a job that writes every half hour', () => {
    const rhythm = newRhythm();
    expect(live(rhythm, everyS(1800, 24 * HOUR))).toBe(0);
    const verdict = judgeSilence(rhythm);
    expect(verdict).toMatchObject({ kind: 'watchable', pattern: 'steady' });
    expect(verdict.kind === 'watchable' && verdict.limitS).toBeLessThan(2300);
    expect(verdict.kind === 'watchable' && verdict.limitS).toBeGreaterThan(1850);
  });

  it('is a hang after an hour for a program whose pauses differ but stay under 40 minutes', () => {
    const rhythm = newRhythm();
    const pauses = Array.from({ length: 60 }, (_, index) => (index * 37) % 300);
    for (let day = 0; day < 4; day++) live(rhythm, [...pauses, 1000 + 250 * day, ...pauses, 2400 / (day + 1)]);
    expect(judgeSilence(rhythm)).toMatchObject({ kind: 'watchable', pattern: 'irregular', limitS: HOUR });
  });

  it('is nothing for a program whose silences keep growing', () => {
    const rhythm = newRhythm();
    expect(live(rhythm, growing(20 * HOUR))).toBe(0);
    expect(judgeSilence(rhythm)).toEqual({ kind: 'meaningless' });
  });

  it('is decided after six hours', () => {
    for (const silences of [everyS(1, DECIDE_S), everyS(7200, DECIDE_S), growing(DECIDE_S)]) {
      const rhythm = newRhythm();
      live(rhythm, silences);
      expect(judgeSilence(rhythm).kind).not.toBe('learning');
    }
  });
});

describe('a silence beyond the limit that ended by itself', () => {
  it('is set aside as an outage, and the limit comes back after as much time as it took', () => {
    const rhythm = newRhythm();
    live(rhythm, everyS(10, 4 * HOUR));
    expect(live(rhythm, [2 * HOUR])).toBe(1);
    expect(judgeSilence(rhythm).kind).toBe('meaningless');
    live(rhythm, everyS(10, 2 * HOUR));
    expect(judgeSilence(rhythm)).toMatchObject({ limitS: 600 });
  });

  it('is no outage where another was as long: what is done now and then is allowed', () => {
    const rhythm = newRhythm();
    for (const pause of [2000, 2040, 2080, 2100]) live(rhythm, [...everyS(60, 8 * HOUR), pause]);
    expect(rhythm.exceeded).toBe(2);
    live(rhythm, everyS(60, 8 * HOUR));
    expect(judgeSilence(rhythm)).toMatchObject({ pattern: 'irregular', limitS: HOUR });
  });

  it('ends the watching by silence at the third time', () => {
    const rhythm = newRhythm();
    live(rhythm, everyS(10, 8 * HOUR));
    for (const outage of [700, 5000, 40_000]) {
      live(rhythm, [outage]);
      live(rhythm, everyS(10, 3 * HOUR));
    }
    expect(live(rhythm, [3 * HOUR])).toBe(0);
    expect(judgeSilence(rhythm)).toEqual({ kind: 'meaningless' });
  });
});

describe('what is kept of a rhythm', () => {
  it('is under 2 KB after a year, and forgets silences that are two months old', () => {
    const rhythm = newRhythm();
    live(rhythm, everyS(1000, 24 * HOUR));
    live(rhythm, everyS(330.123, 365 * 24 * HOUR));
    expect(JSON.stringify(rhythm).length).toBeLessThan(2048);
    expect(rhythm.former[0]).toBeLessThan(331);
    expect(judgeSilence(rhythm)).toMatchObject({ limitS: 600 });
  });
});
