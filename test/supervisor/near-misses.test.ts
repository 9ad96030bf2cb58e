import { expect, test } from 'vitest';
import { KILL_WHEN, type Observation } from '../../src/core/health-model.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { healthPolicy, killWhenIntervalMs } from '../../src/probes/kinds.ts';
import { errorRateProbe, failPatternProbe, staleProbe } from '../../src/probes/output-probes.ts';
import type { Probe, ProbeSpec, SpecOf } from '../../src/probes/probe.ts';
import { basics, noMembers } from '../probes/rig.ts';
import { virtualWatch } from './virtual-watch.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const stale: SpecOf<'stale'> = {
  ...basics,
  kind: 'stale',
  name: 'stale',
  afterMs: 20 * minute,
  progressPattern: /^done/,
  when: 'silent',
};
const pattern: SpecOf<'fail-pattern'> = { ...basics, kind: 'fail-pattern', name: 'fail-pattern', pattern: /^FATAL/ };
const rate = { count: 50, windowMs: hour };
const errors: SpecOf<'error-rate'> = { ...basics, kind: 'error-rate', name: 'errors', rate, pattern: /^ERROR/ };
const specs: readonly ProbeSpec[] = [
  stale,
  pattern,
  errors,
  { ...basics, kind: 'fresh-file', name: 'fresh', path: 'hb', maxAgeMs: 20 * minute },
  { ...basics, kind: 'grow', name: 'grow', glob: 'out/*', withinMs: 2 * hour },
  { ...basics, kind: 'http', name: 'http', url: 'http://127.0.0.1/', expect: null, caFile: null },
  { ...basics, kind: 'port', name: 'port', host: '127.0.0.1', port: 1 },
  { ...basics, kind: 'check', name: 'check', command: 'true' },
  { ...basics, kind: 'memory', name: 'memory', maxBytes: 2 ** 30 },
  { ...basics, kind: 'disk', name: 'disk', minFreeBytes: 1, path: '/' },
];
const kill = { intervalMs: killWhenIntervalMs(30_000), maxAgeMs: 5 * minute, blindTrips: false };

/** A child that only just does what each probe wants, from its start at `from` on. */
function barelyWell(now: () => Stamp, from: Mono) {
  const age = () => now().mono - from;
  const probes: Record<string, Probe> = {
    stale: staleProbe(stale, () => now().mono, noMembers),
    'fail-pattern': failPatternProbe(pattern, () => expect.fail('no line matched')),
    errors: errorRateProbe(
      errors,
      () => now().mono,
      () => expect.fail('there were no more than allowed'),
    ),
  };
  const asked: Record<string, number> = {};
  let done = 0;
  let failed = 0;

  /** What happened since the last look, at the times it happened. */
  function catchUp(): void {
    for (; (done + 1) * (20 * minute - second) <= age(); done++) {
      const at = (from + (done + 1) * (20 * minute - second)) as Mono;
      for (const probe of Object.values(probes)) probe.hearLines?.(['not FATAL at all', 'done'], at);
    }
    // One more in an hour would be one too many.
    for (; (failed + 1) * (hour / 49.9) <= age(); failed++)
      for (const probe of Object.values(probes))
        probe.hearLines?.(['ERROR: again'], (from + (failed + 1) * (hour / 49.9)) as Mono);
  }

  const lastOf = (everyMs: number) => now().wall - (age() % everyMs);
  return (name: string): Observation => {
    catchUp();
    const nth = (asked[name] ?? 0) + 1;
    asked[name] = nth;
    if (name === KILL_WHEN) return { kind: 'condition', result: 'clear', notYet: false, why: 'daily_loss 9.99' };
    if (name === 'fresh') return { kind: 'file', mtime: lastOf(20 * minute - second) as Wall };
    if (name === 'grow') {
      const everyMs = 2 * hour - 10 * second;
      return { kind: 'artifacts', count: 3, bytes: Math.floor(age() / everyMs), newest: lastOf(everyMs) as Wall };
    }
    const own = probes[name]?.ask(new AbortController().signal);
    if (own !== undefined && !(own instanceof Promise)) return own;
    // Two of three questions are answered badly, and a first good answer comes at the end of the start period.
    const isWell = age() >= 59 * second && nth % 3 === 0;
    return { kind: 'answer', ok: isWell || age() < 59 * second, detail: isWell ? 'well' : 'ill', value: null };
  };
}

test('30 days of near misses at the default timing: no restart', () => {
  let child: ((name: string) => Observation) | null = null;
  let latency = 0;
  const watch = virtualWatch({
    policy: { health: healthPolicy(specs, kill) },
    // From at once to the last moment.
    latencyMs: () => (latency = (latency + 1709) % 4990),
    answer: name => {
      child ??= barelyWell(watch.now, watch.now().mono);
      return child(name);
    },
  });
  watch.pass(30 * day);
  expect(watch.faults).toEqual([]);
  expect(watch.stops()).toEqual([]);
  expect(watch.runs).toHaveLength(1);
});

test('a wall clock that jumps a day forward and back ends nothing and freezes nothing', () => {
  const timed = specs.filter(({ kind }) => kind === 'stale' || kind === 'fresh-file' || kind === 'grow');
  let lastWork: Stamp | null = null;
  let works = true;
  let bytes = 0;
  const watch = virtualWatch({
    policy: { health: healthPolicy(timed, kill) },
    answer: (name, at) => {
      if (works && (lastWork === null || at.mono - lastWork.mono > minute)) {
        lastWork = at;
        bytes++;
      }
      const { mono, wall } = lastWork ?? at;
      if (name === KILL_WHEN) return { kind: 'condition', result: 'clear', notYet: false, why: '' };
      if (name === 'stale') return { kind: 'progress', at: mono, detail: 'no output' };
      if (name === 'fresh') return { kind: 'file', mtime: wall };
      return { kind: 'artifacts', count: 1, bytes, newest: wall };
    },
  });
  for (const jump of [day, -day, -day, day]) {
    watch.pass(3 * hour);
    watch.jumpWall(jump);
  }
  watch.pass(3 * hour);
  expect(watch.stops()).toEqual([]);
  watch.jumpWall(day);
  works = false;
  watch.pass(19 * minute);
  expect(watch.stops()).toEqual([]);
  watch.jumpWall(-day);
  watch.pass(2 * minute);
  expect(watch.stops()).toEqual([expect.stringMatching(/^probe: (stale|fresh)/)]);
  expect(watch.faults).toEqual([]);
});
