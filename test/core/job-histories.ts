/** Histories of ordinary jobs, seeded: what their runs take, write and cost, over months. */
import { type RunRecord, runRecord } from '../../src/core/run-record.ts';

export type Random = () => number;

/** Mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const normal = (random: Random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const KINDS = ['steady', 'bimodal', 'growing', 'weekly', 'rare-long'] as const;
export type Kind = (typeof KINDS)[number];

/** A job and the runs that it would have. */
export interface Job {
  readonly kind: Kind;
  readonly days: number;
  /** By how much its numbers vary: the standard deviation of their logarithms. */
  readonly noise: number;
  /** How many times as long and as large the runs of its greater mode are; 1: it has no other. */
  readonly mode: number;
  /** Its text is never the same twice. */
  readonly varies: boolean;
  readonly runs: readonly RunRecord[];
}

const HOUR_MS = 3_600_000;
/** A Thursday. */
const BEGIN = Date.UTC(2026, 0, 1, 3);

/** One job of one of the kinds, by its seed. */
export function jobOf(seed: number, days = 90): Job {
  const random = randomOf(seed);
  const kind = KINDS[seed % KINDS.length] as Kind;
  const everyHours = [24, 24, 24, 12, 6][Math.floor(random() * 5)] as number;
  // From a tenth of a minute to an hour; from 200 bytes to 200 KB; a cent to a dollar.
  const scale = { durationMs: 6000 * 600 ** random(), bytes: 200 * 1000 ** random(), cost: 0.01 * 100 ** random() };
  const spread = 0.05 + 0.35 * random();
  const growth = kind === 'growing' ? 0.002 + 0.02 * random() : 0;
  const [mode, share] = [1.5 + 2.5 * random(), 0.1 + 0.5 * random()];
  const [week, heavy] = [weekOf(random), 2 + 8 * random()];
  const rare = 2 + 2.5 * random();
  const text = textOf(random);
  const quietBytes = 60 + Math.floor(200 * random());
  const runs: RunRecord[] = [];
  for (let at = 0; at < (days * 24) / everyHours; at++) {
    const start = BEGIN + at * everyHours * HOUR_MS + Math.floor(random() * 60_000);
    let factor = Math.exp(growth * at);
    if (kind === 'bimodal' && random() < share) factor *= mode;
    if (kind === 'weekly' && week(new Date(start))) factor *= heavy;
    const long = kind === 'rare-long' && random() < 0.03 ? rare : 1;
    const noise = () => Math.exp(spread * normal(random));
    const durationMs = Math.round(scale.durationMs * factor * long * noise());
    const failed = random() < 0.02;
    const { sketch, repeats } = text.next();
    runs.push(
      runRecord({
        run: at + 1,
        cause: failed ? 'crash' : 'success',
        startedAt: new Date(start).toISOString(),
        endedAt: new Date(start + durationMs).toISOString(),
        durationMs,
        bytes: repeats ? quietBytes : Math.round(scale.bytes * factor * noise()),
        peakMemoryBytes: Math.round(80e6 * (1 + random() / 4)),
        cpuMs: Math.round((durationMs * noise()) / 3),
        metrics: { cost: scale.cost * factor * noise() },
        sketch,
      }),
    );
  }
  return { kind, days, noise: spread, mode: kind === 'bimodal' ? mode : 1, varies: text.varies, runs };
}

/** When a job has more to do: one weekday, working days, the weekend, or (if it runs more than once a day) an hour of each day. */
function weekOf(random: Random): (time: Date) => boolean {
  const day = Math.floor(random() * 7);
  const patterns: ((time: Date) => boolean)[] = [
    time => time.getUTCDay() === day,
    time => time.getUTCDay() % 6 !== 0,
    time => time.getUTCDay() % 6 === 0,
    time => time.getUTCHours() === 3,
  ];
  return patterns[Math.floor(random() * patterns.length)] as (time: Date) => boolean;
}

/** The sketch of each run's output: always the same, never, or "nothing to do" in many runs. */
function textOf(random: Random) {
  const fresh = () =>
    Array.from({ length: 32 }, () =>
      Math.floor(random() * 256)
        .toString(16)
        .padStart(2, '0'),
    ).join('');
  const same = fresh();
  const which = random();
  const quiet = which < 0.2 ? 1 : which < 0.5 ? 0.3 + 0.5 * random() : 0;
  return {
    varies: quiet === 0,
    next() {
      const repeats = random() < quiet;
      return { sketch: repeats ? same : fresh(), repeats };
    },
  };
}

/** What may go wrong with a run. */
export const PLANTED: Readonly<Record<string, (runs: readonly RunRecord[], at: number) => RunRecord[]>> = {
  'three hundredths of the output': (runs, at) => [
    changed(runs[at], { bytes: Math.round((runs[at]?.bytes ?? 0) * 0.03) }),
  ],
  'ten times the duration': (runs, at) => [changed(runs[at], { durationMs: (runs[at]?.durationMs ?? 0) * 10 })],
  'five times the cost': (runs, at) => [changed(runs[at], { metrics: { cost: (runs[at]?.metrics['cost'] ?? 0) * 5 } })],
  'one text five times': (runs, at) =>
    [0, 1, 2, 3, 4].map(more =>
      changed(runs[at + more], { sketch: runs[at]?.sketch ?? null, bytes: runs[at]?.bytes ?? 0 }),
    ),
};

function changed(run: RunRecord | undefined, by: Partial<RunRecord>): RunRecord {
  if (run === undefined) throw new Error('the history is too short');
  return { ...run, cause: 'success', ...by };
}
