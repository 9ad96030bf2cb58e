/** What outlives runs: the rhythm of the output, and what budgets have used. */
import type { Mono, Wall } from '../core/time.ts';

/** A small text that is kept between watchers. */
export interface KeptText {
  /** What was kept; null: nothing, or it cannot be read. */
  read(): string | null;
  write(text: string): void;
}

export interface RhythmKeeper {
  /** A run is up: its first output ends no silence. */
  startRun(): void;
  /** The child wrote. */
  heard(at: Mono): void;
  /** The present limit in ms, doubled for each restart in a row that cured nothing; infinite: silence is not judged. */
  limitMs(): number;
  /** The run is about to be restarted for its silence. */
  expired(): void;
  /** What is known, for `status`. */
  words(): string;
  endRun(): void;
}

/** What may be used of which number in what time. */
export interface BudgetLimit {
  readonly metric: string;
  /** Each line's number is added; else the last one of a run is the run's. */
  readonly sum: boolean;
  readonly limit: number;
  readonly windowMs: number;
}

export interface BudgetKeeper {
  startRun(): void;
  hear(lines: readonly string[]): void;
  /** Reads files, addresses and commands. */
  look(abort: AbortSignal): Promise<void>;
  endRun(): void;
  /** What the present run has used of it. */
  current(): number;
  /** Nothing was used. */
  clear(): void;
  /** What is used, and when the window will have moved on far enough; null: there is some left. */
  view(): { used: number; until: Wall | null; words: string };
}
