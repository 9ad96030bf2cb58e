import { describe, expect, test } from 'vitest';
import type { Mono } from '../../src/core/units.ts';
import { createRhythmKeeper } from '../../src/probes/budget-keeper.ts';
import { rhythmProbe } from '../../src/probes/output-probes.ts';
import type { KeptText } from '../../src/probes/probe.ts';
import { ask, spec } from './rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A store in memory, a clock that is moved by hand, and runs that write every ten seconds. */
function bench() {
  let kept: string | null = null;
  let nowMs = 0;
  const store: KeptText = {
    read: () => kept,
    write: text => {
      kept = text;
    },
  };
  const now = () => nowMs as Mono;
  let keeper = createRhythmKeeper(store);
  const subject = { kind: 'rhythm', progressPattern: null } as const;
  return {
    kept: () => kept,
    now,
    sleep: (ms: number) => {
      nowMs += ms;
    },
    newWatcher: () => {
      keeper = createRhythmKeeper(store);
    },
    startRun: () => ({
      alert: rhythmProbe(spec({ ...subject, stage: 'alert' }), keeper, now),
      restart: rhythmProbe(spec({ ...subject, stage: 'restart' }), keeper, now),
    }),
    write(probes: Record<'alert' | 'restart', ReturnType<typeof rhythmProbe>>, forMs: number) {
      for (const end = nowMs + forMs; nowMs < end; nowMs += 10_000)
        for (const probe of Object.values(probes)) probe.hearOutput?.(now());
    },
  };
}

const limitOf = async (probe: ReturnType<typeof rhythmProbe>) => {
  const seen = await ask(probe);
  return seen.kind === 'progress' ? seen.learned : undefined;
};

describe('a learned limit', () => {
  test('is none while it is learned, and reports it', async () => {
    const { startRun, write } = bench();
    const run = startRun();
    write(run, 30 * MINUTE);
    const words = 'learning the rhythm of the output (29m of 6h)';
    expect(await limitOf(run.alert)).toEqual({ limitMs: Number.POSITIVE_INFINITY, words });
  });

  test('alerts early and restarts at twice the limit', async () => {
    const { startRun, write } = bench();
    const run = startRun();
    write(run, 2 * HOUR);
    expect(await limitOf(run.alert)).toEqual({ limitMs: 10 * MINUTE, words: 'silence over 10m is a hang' });
    expect((await limitOf(run.restart))?.limitMs).toBe(20 * MINUTE);
  });

  test('outlives its watcher in under 2 KB, and what is not a rhythm is learned again', async () => {
    const { startRun, write, newWatcher, kept } = bench();
    const first = startRun();
    write(first, 2 * HOUR);
    first.alert.close?.();
    newWatcher();
    expect((await limitOf(startRun().alert))?.limitMs).toBe(10 * MINUTE);
    expect(kept()?.length).toBeLessThan(2048);
    for (const broken of ['', '{}', '{"present": "x"}', 'null'])
      expect(createRhythmKeeper({ read: () => broken, write() {} }).words()).toMatch(/^learning/);
  });

  test('does not count the time between two runs as a silence', async () => {
    const { startRun, write, sleep } = bench();
    write(startRun(), 2 * HOUR);
    sleep(8 * MINUTE);
    const next = startRun();
    write(next, HOUR);
    expect((await limitOf(next.alert))?.limitMs).toBe(10 * MINUTE);
  });

  test('is doubled when a restart cured nothing, until a run is well for an hour', async () => {
    const { startRun, write, sleep } = bench();
    const first = startRun();
    write(first, 2 * HOUR);
    let last = first;
    for (const expected of [10, 10, 20, 40]) {
      expect((await limitOf(last.alert))?.limitMs).toBe(expected * MINUTE);
      sleep(3 * HOUR);
      last.restart.close?.();
      last = startRun();
    }
    write(last, 2 * HOUR);
    expect((await limitOf(last.alert))?.limitMs).toBe(10 * MINUTE);
  });
});
