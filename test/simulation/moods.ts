import type { Exit, Policy, Signal, SpawnFailure } from '../../src/core/model.ts';
import type { LastLines, Nature, Temper } from './processes.ts';
import { type Random, weighted } from './random.ts';

/** What the next start comes to: a run of that nature, or a failure. */
export type Outcome = { nature: Nature } | { failure: SpawnFailure };

/** For some starts in a row the child behaves in one way, then in another. */
export interface Mood {
  readonly name: string;
  readonly weight: number;
  starts(random: Random): number;
  livesMs(random: Random, policy: Policy): number;
  /** What it says last. */
  last?(random: Random): LastLines;
  /** A start that fails, and how. */
  failure?: readonly SpawnFailure['kind'][];
}

const hour = 3_600_000;

/** The moods of a child. Each is one small object: whoever adds one changes nothing else. */
export const MOODS: readonly Mood[] = [
  { name: 'steady', weight: 40, starts: r => r.between(1, 6), livesMs: r => r.gap(30 * hour) },
  { name: 'daily', weight: 15, starts: r => r.between(1, 4), livesMs: r => r.gap(5 * hour) },
  { name: 'crash-loop', weight: 6, starts: r => r.between(3, 25), livesMs: r => r.between(0, 3000) },
  { name: 'at-once', weight: 0.4, starts: r => r.between(90, 140), livesMs: r => r.between(0, 30) },
  {
    name: 'edge-of-healthy',
    weight: 5,
    starts: r => r.between(2, 8),
    livesMs: (r, policy) => Math.max(0, policy.healthyAfterMs + r.between(-1, 1)),
  },
  {
    name: 'edge-of-planned',
    weight: 3,
    starts: r => r.between(1, 4),
    livesMs: (r, policy) => Math.max(0, Math.round(0.8 * (policy.expectDurationMs ?? 60_000)) + r.between(-1, 1)),
  },
  {
    name: 'limited',
    weight: 5,
    starts: r => r.between(1, 6),
    livesMs: r => r.between(0, 300_000),
    last: r => ({
      says: 'limit',
      kind: r.pick(['quota', 'quota', 'throttle']),
      own: r.chance(0.7),
      endsInMs: r.pick([null, r.between(-60_000, 700_000), r.between(0, 5 * hour), 48 * hour, 240 * hour]),
    }),
  },
  {
    name: 'refused',
    weight: 3,
    starts: r => r.between(1, 8),
    livesMs: r => r.between(0, 200_000),
    last: () => ({ says: 'refused' }),
  },
  { name: 'edge-of-short', weight: 3, starts: r => r.between(2, 12), livesMs: r => r.between(999, 1000) },
  {
    name: 'slow-loop',
    weight: 4,
    starts: r => r.between(4, 12),
    livesMs: (r, policy) => policy.healthyAfterMs + r.between(1000, 600_000),
  },
  {
    name: 'unstartable',
    weight: 3,
    starts: r => r.between(1, 8),
    livesMs: () => 0,
    failure: ['command-missing', 'not-executable', 'interpreter-missing', 'cwd-missing'],
  },
  { name: 'no-resources', weight: 3, starts: r => r.between(1, 12), livesMs: () => 0, failure: ['other'] },
];

/** A child whose mood changes. */
export class Moods {
  #mood = MOODS[0] as Mood;
  #left = 1;
  readonly #random: Random;
  readonly #policy: Policy;

  constructor(random: Random, policy: Policy) {
    this.#random = random;
    this.#policy = policy;
  }

  /** What comes of this start, and of which mood it was. */
  next(): { mood: string; outcome: Outcome } {
    const random = this.#random;
    if (this.#left-- <= 0) {
      this.#mood = this.#draw();
      this.#left = this.#mood.starts(random) - 1;
    }
    const { name, failure, last } = this.#mood;
    if (failure !== undefined) return { mood: name, outcome: { failure: { kind: random.pick(failure), why: name } } };
    const livesMs = this.#mood.livesMs(random, this.#policy);
    return {
      mood: name,
      outcome: { nature: { ...this.#main(livesMs), last: last?.(random) ?? null, others: this.#others() } },
    };
  }

  #draw(): Mood {
    return weighted(MOODS, mood => mood.weight, this.#random);
  }

  #main(livesMs: number): Omit<Nature, 'others' | 'last'> {
    const random = this.#random;
    const code = random.pick([0, 0, 1, 1, 1, 2, 78, 143]);
    const exit: Exit = random.chance(0.2) ? killedBy(random.pick(['SIGSEGV', 'SIGKILL', 'SIGABRT'])) : exited(code);
    const askedExit = random.chance(0.5) ? killedBy('SIGTERM') : exited(random.pick([0, 1, 78]));
    return { ...this.#temper(), livesMs, exit, askedExit };
  }

  #others(): Temper[] {
    const random = this.#random;
    if (random.chance(0.7)) return [];
    return Array.from({ length: random.between(1, 3) }, () => ({
      ...this.#temper(),
      livesMs: random.chance(0.5) ? random.gap(hour) : null,
    }));
  }

  #temper(): { askedMs: number | null; killedMs: number } {
    const random = this.#random;
    const { stopTimeoutMs } = this.#policy;
    const askedMs = random.chance(0.15) ? null : random.chance(0.3) ? random.between(0, 2 * stopTimeoutMs) : 3;
    // A disk or a network mount that does not answer may keep it for hours.
    const killedMs = random.chance(0.006)
      ? random.between(5000, 6 * hour)
      : random.chance(0.05)
        ? random.between(1, 5000)
        : 0;
    return { askedMs, killedMs };
  }
}

const exited = (code: number): Exit => ({ code, signal: null });
const killedBy = (signal: Signal): Exit => ({ code: null, signal });
